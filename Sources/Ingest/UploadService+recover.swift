import Core
import Crypto
import Platform
package import Ledger

/// What `recover` did, for the log and for tests.
package struct Recovery: Equatable, Sendable {
    package var completed = 0
    package var ended = 0
    package var removed = 0
    package var receiving = 0
    package var unreadable = 0
}

extension UploadService {
    /// Once, at start, before any request: the journals say what is there, the ledger what it is for, and where a crash
    /// came between the two the ledger follows.
    package func recover() async throws -> Recovery {
        let spool = spool
        let found = try await lanes.lane(for: "space").run { () throws(SpoolFailure) in try spool.uploads() }
        var recovery = Recovery()
        for id in try await withSmall(found) {
            let (row, track) = try await ledger.read("upload.recover") { tx in
                let row = try tx.uploads.find(id)
                return (row, try row.flatMap { try tx.tracks.find($0.trackID) })
            }
            if let row, row.state == .receiving {
                try await recover(row, &recovery)
            } else if Self.needsNoBytes(row, track) {
                try await release(id)
                recovery.removed += 1
            }
        }
        try await recoverFinals()
        let node = node
        try await ledger.write("upload.unreserve") { tx in try tx.reservations.releaseOrphans(node: node) }
        notice(.recovered(recovery))
        return recovery
    }

    /// And those whose bytes are in the ledger.
    private func withSmall(_ found: [UploadID]) async throws -> [UploadID] {
        let node = node
        var all = Set(found)
        var last: UploadID?
        while true {
            let page = try await ledger.read("upload.small") { [last] tx in
                try tx.smallFiles.list(node: node, after: last, limit: 1_000)
            }
            guard let end = page.last else { return all.sorted() }
            all.formUnion(page)
            last = end
        }
    }

    private func recover(_ row: UploadRow, _ recovery: inout Recovery) async throws {
        do {
            var row = row
            let (state, isWhole, sha256) = try await withReception(row) { reception in
                // Its last request said that nothing follows, and the ledger did not come to know how long it is.
                if row.size == nil, reception.completesAlone {
                    try await setLength(reception.durable, of: &row, reception)
                }
                return (reception.state, Self.isWhole(row, in: reception), reception.sha256)
            }
            switch state {
            case .sealed where row.protocol == .part:
                recovery.receiving += 1
            case .sealed:
                _ = try await finish(row, sha256: Hex.encode(sha256 ?? []))
                recovery.completed += 1
            case .ended(let reason):
                try await follow(reason, of: row)
                recovery.ended += 1
            case .receiving where isWhole:
                _ = try await completeStream(row)
                recovery.completed += 1
            case .receiving:
                recovery.receiving += 1
            }
        } catch let failure as IngestFailure {
            // One upload that cannot be read must not keep the rest from being served.
            recovery.unreadable += 1
            notice(.unreadable(row, failure))
        }
    }

    /// Every byte is durable, by a protocol that completes with its last byte, or with its client's word that is on record.
    static func isWhole(_ row: UploadRow, in reception: Reception) -> Bool {
        let completesAlone = reception.completesAlone || row.protocol == .tus || row.protocol == .part
        return completesAlone && reception.durable == row.size
    }

    /// The journal ended it, the ledger did not come to know.
    private func follow(_ reason: UploadMachine.Reason, of row: UploadRow) async throws {
        let failure = IngestFailure(reason)
        switch reason {
        case .cancelled: try await end(row, as: .cancelled, because: reason, telling: .uploadCancelled)
        case .expired: try await end(row, as: .expired, because: reason, telling: .uploadExpired)
        case .tooLong:
            try await end(
                row, as: .failed, because: reason, error: (.fileTooLarge, failure.message), telling: .trackFailed)
        case .unsupported, .digestMismatch, .broken: try await settle(failure, of: row)
        }
    }

    /// Bytes without an upload, of one that ended, or of a track that has them elsewhere now. What is held back in
    /// quarantine is left to those who hold it.
    package static func needsNoBytes(_ row: UploadRow?, _ track: TrackRow?) -> Bool {
        guard let row else { return true }
        // Its job reads them from here until its state says that they are elsewhere.
        if row.protocol == .media { return row.state != .verifying && row.state != .quarantined }
        switch row.state {
        case .cancelled, .expired, .failed: return true
        case .receiving, .quarantined: return false
        case .verifying, .scanning, .processing, .stored, .ready: break
        }
        guard let track, track.state != .deleted else { return true }
        if track.state == .quarantined { return false }
        // A newer upload has taken this one's place.
        if track.uploadID != row.id { return true }
        switch track.state {
        // After a fault of ours an operator may retry the dead job.
        case .failed: return track.errorCode != .internal
        case .deleted: return true
        case .ready: return track.stage == .publishing && track.progress == 1
        case .processing, .quarantined: return false
        }
    }
}
