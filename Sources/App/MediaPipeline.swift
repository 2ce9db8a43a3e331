import Core
import Ingest
import Ledger
import Platform
import ScanBridge
import Storage
import Worker

/// What becomes of a file of the media API after its last byte: scanned, kept as it came, and one transaction that makes
/// it be found. Each step may be run again; where a file is held back nothing of it is ever in the store.
struct MediaPipeline: Sendable {
    let ledger: any LedgerStore
    let uploads: UploadService
    let scanner: ScanService
    let store: any BlobStore
    let folders: DataFolder

    func judge(_ job: ClaimedJob, _ context: WorkerContext) async throws -> Settlement {
        guard let id = job.uploadID, let media = try await uploads.media(id) else { return .done }
        guard media.state == .processing else {
            // An earlier run may have died between its transaction and this.
            if media.state != .quarantined { try await uploads.release(id) }
            return .done
        }
        do {
            return try await look(at: media, job)
        } catch {
            throw Pipeline.transient(error)
        }
    }

    private func look(at media: MediaRow, _ job: ClaimedJob) async throws -> Settlement {
        let file = try await uploads.sealed(media.id)
        guard file.size > 0 else { return try await end(media, as: .failed, .corruptMedia, "The file is empty.", job) }
        let verdict = try await scanner.scan(descriptor: file.descriptor.raw, size: file.size)
        guard verdict.isClean else {
            try folders.quarantine(file, media.id)
            return try await hold(media, verdict, job)
        }
        let head = try file.descriptor.read(upTo: Sniff.length, at: 0)
        guard let format = Sniff.media(media.use.kind, of: head) else {
            return try await end(
                media, as: .failed, .unsupportedFormat, "The bytes are \(Sniff.description(of: head)).", job)
        }
        let key = BlobKey.media(media.id, tenant: media.tenant, use: media.use, extension: format.name)
        try await store.put(file: file.descriptor, at: key)
        return try await publish(media, format, key, job)
    }

    private func publish(_ media: MediaRow, _ format: MediaFormat, _ key: BlobKey, _ job: ClaimedJob) async throws
        -> Settlement
    {
        let isHere = try await ledger.write("media.publish") { tx in
            try Self.settle(job, tx)
            guard
                try tx.media.publish(
                    media.id, filename: "\(media.id).\(format.name)", contentType: format.contentType, key: key.path)
            else { return false }
            _ = try tx.uploads.setState(media.id, from: [.verifying], to: .ready)
            return true
        }
        // Deleted while it was looked at.
        if !isHere { try await store.delete(key) }
        try await uploads.release(media.id)
        return .settled
    }

    private func hold(_ media: MediaRow, _ verdict: Verdict, _ job: ClaimedJob) async throws -> Settlement {
        let (code, message) = Pipeline.blame(verdict)
        let evidence = verdict.json.text
        return try await end(media, as: .quarantined, code, message, job) { tx in
            guard let upload = try tx.uploads.find(media.id) else { return }
            try tx.quarantine.insert(
                QuarantineRow(
                    trackID: upload.trackID, uploadID: media.id, tenant: media.tenant, reason: code,
                    evidence: evidence, at: tx.now))
        }
    }

    private func end(
        _ media: MediaRow, as state: TrackState, _ code: FailureCode, _ message: String, _ job: ClaimedJob,
        with more: @escaping @Sendable (Transaction) throws -> Void = { _ in }
    ) async throws -> Settlement {
        try await ledger.write("media.end") { tx in
            try Self.settle(job, tx)
            guard try tx.media.end(media.id, as: state, code: code, message: message) else { return }
            _ = try tx.uploads.setState(
                media.id, from: [.verifying], to: state == .failed ? .failed : .quarantined, error: (code, message))
            try more(tx)
        }
        try await uploads.release(media.id)
        return .settled
    }

    /// A dead job brings no verdict: whoever waits for one is answered, in the transaction that buries the job.
    func deadEnd(_ job: JobRow, _ tx: Transaction) throws {
        let message = Pipeline.blame(job)
        guard let id = job.uploadID, try tx.media.end(id, as: .failed, code: .internal, message: message) else {
            return
        }
        _ = try tx.uploads.setState(id, from: [.verifying], to: .failed, error: (.internal, message))
    }

    /// The bytes of one that was deleted. Nothing there is no error: it may run twice.
    func remove(_ job: ClaimedJob, _ context: WorkerContext) async throws -> Settlement {
        guard let id = job.uploadID else { return .done }
        let media = try await uploads.media(id)
        guard let media, media.state == .deleted else { return .done }
        try await removeBytes(of: media)
        try await uploads.release(id)
        try folders.dropHeld(id)
        try await ledger.write("media.remove") { tx in
            guard let upload = try tx.uploads.find(id) else { return }
            for row in try tx.quarantine.of(upload.trackID) where row.uploadID == id && row.state == .held {
                _ = try tx.quarantine.setState(row.id, from: .held, to: .deleted)
            }
        }
        return .done
    }

    /// One that was deleted before its verdict may have bytes there that no row names.
    private func removeBytes(of media: MediaRow) async throws {
        do {
            _ = try await store.deleteAll(prefix: BlobKey.media(media.id, tenant: media.tenant, use: media.use))
        } catch {
            throw Passing("\(error)")
        }
    }

    private static func settle(_ job: ClaimedJob, _ tx: Transaction) throws {
        guard try tx.jobs.settle(job.lease, .done) else { throw LeaseLost(job: job.id) }
    }
}
