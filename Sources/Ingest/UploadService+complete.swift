package import Core
import Crypto
import Events
package import Ledger
import Synchronization

extension UploadService {
    /// The last byte is durable and the client says so: hashes what is left, seals the journal, hands over to the
    /// pipeline. Repeated, it answers the same. A crash between journal and ledger is mended by `recover`.
    package func complete(_ row: UploadRow, declared: String?) async throws -> UploadRow {
        guard row.state == .receiving else {
            try mustNotHaveEnded(row)
            if let declared, let sha256 = row.sha256, declared != sha256 {
                throw IngestFailure(.digestMismatch, "The SHA-256 is \(sha256), declared was \(declared).")
            }
            return row
        }
        completing.withLock { $0[row.id, default: 0] += 1 }
        defer { completing.withLock { $0[row.id] = $0[row.id].flatMap { $0 > 1 ? $0 - 1 : nil } } }
        let declarations = row.declared + [declared].compactMap(\.self).compactMap { Hex.decode($0) }
        do {
            let sha256 = try await withReception(row) { reception in
                if reception.state == .receiving, reception.durable != row.size {
                    throw missing(row, reception.received)
                }
                return try await reception.seal(declared: declarations)
            }
            let finished = try await finish(row, sha256: Hex.encode(sha256))
            // Cancelled or expired in the same moment: whoever was first with the ledger has decided.
            try mustNotHaveEnded(finished)
            return finished
        } catch let failure as IngestFailure {
            try await settle(failure, of: row)
            throw failure
        }
    }

    /// A sweep leaves such an upload alone: its bytes were durable in time.
    func isCompleting(_ id: UploadID) -> Bool { completing.withLock { $0[id] != nil } }

    private func missing(_ row: UploadRow, _ received: IntervalSet) -> IngestFailure {
        let missing = row.geometry?.missing(from: received) ?? []
        return IngestFailure(.incomplete(missing: missing), "\(missing.count) chunks are missing.")
    }

    /// In one transaction the upload is verified next, its track too, the job is queued and the world is told; or none
    /// of it, where somebody else was first.
    func finish(_ row: UploadRow, sha256: String?) async throws -> UploadRow {
        let (finished, isFirst) = try await ledger.write("upload.complete") { [self] tx in
            let isFirst = try finish(row, sha256: sha256, tx)
            return (try tx.uploads.find(row.id) ?? row, isFirst)
        }
        if isFirst, finished.state == .verifying { notice(.completed(finished)) }
        // A final that ended before its parts had their second names has these alone.
        if finished.state.hasEnded, isFirst || row.isFinal { try await release(row.id) }
        return finished
    }

    /// False where somebody else was first. `sha256` is nil for what was joined of parts, until its bytes are read.
    private func finish(_ row: UploadRow, sha256: String?, _ tx: Transaction) throws -> Bool {
        // The upload's row before its track's, as in every end: two who lock in this order do not wait for each other.
        guard try tx.uploads.find(row.id)?.state == .receiving else { return false }
        if try Self.isSuperseded(row, tx) { return try supersede(row, from: [.receiving], tx) }
        guard try tx.uploads.setState(row.id, from: [.receiving], to: .verifying) else { return false }
        if let sha256 { try tx.uploads.setDigest(row.id, sha256: sha256) }
        if let size = row.size { try tx.uploads.setSize(row.id, size) }
        try tx.reservations.release(row.id.text)
        _ = try tx.tracks.setStage(row.trackID, .verifying, progress: 0)
        var completed = row
        completed.sha256 = sha256
        try hand(completed, tx)
        return true
    }

    /// The track is made from another upload by now.
    private static func isSuperseded(_ row: UploadRow, _ tx: Transaction) throws -> Bool {
        guard let track = try tx.tracks.find(row.trackID), let upload = track.uploadID else { return false }
        return upload != row.id
    }

    private func supersede(_ row: UploadRow, from states: [UploadState], _ tx: Transaction) throws -> Bool {
        let error = (FailureCode.expired, "A newer upload has taken its place.")
        guard try tx.uploads.setState(row.id, from: states, to: .cancelled, error: error) else { return false }
        try tx.reservations.release(row.id.text)
        try events.tell(.uploadCancelled, of: row, in: tx)
        return true
    }

    /// A complete upload whose track was given to a newer one before its job had its turn: it ends, bytes and all. False
    /// where there is nothing to end.
    @discardableResult
    package func endSuperseded(_ row: UploadRow) async throws -> Bool {
        let isEnded = try await ledger.write("upload.superseded") { [self] tx in
            guard try Self.isSuperseded(row, tx) else { return false }
            return try supersede(row, from: [.verifying, .scanning, .processing, .stored], tx)
        }
        if isEnded { try await release(row.id) }
        return isEnded
    }

    /// The unique key of the job that finishes an upload.
    package static func finishKey(_ id: UploadID) -> String { "finish:\(id)" }

    /// A complete upload goes to the worker, with its event.
    func hand(_ row: UploadRow, _ tx: Transaction) throws {
        _ = try tx.jobs.enqueue(
            NewJob(
                kind: "finish", queue: .finish, tenant: row.tenant, trackID: row.trackID, uploadID: row.id,
                uniqueKey: Self.finishKey(row.id), pinnedNode: row.node, requestID: row.requestID))
        try events.tell(.uploadCompleted, of: row, in: tx)
    }
}
