import Core
import Ingest
import Ledger
import Worker

/// The job that removes the bytes of a deleted track as soon as it is deleted: encodings, original and cache entries, and
/// what this node keeps of its uploads in spool, ledger and quarantine. It may run twice; the sweep finds what it missed.
struct TrackRemoval: Sendable {
    let ledger: any LedgerStore
    let sweep: Sweep
    let uploads: UploadService
    let folders: DataFolder
    let node: NodeID
    let time: any TimeSource

    /// How soon it looks again while another job still reads the bytes.
    static let patience = Duration.seconds(1)

    func run(_ job: ClaimedJob) async throws -> Settlement {
        guard let track = job.trackID else { return .done }
        do {
            try await sweep.removeAll(of: track)
            return try await removeLocal(track) ? .done : .postponed(until: time.now + Self.patience)
        } catch let failure as LedgerFailure {
            throw failure
        } catch {
            throw Passing("\(error)")
        }
    }

    private struct Local: Sendable {
        let uploads: [UploadRow]
        let held: [QuarantineRow]
        let isRead: Bool
    }

    /// False while a running job still reads the bytes: it ends first. One that is queued finds the track deleted, and ends.
    private func removeLocal(_ track: TrackID) async throws -> Bool {
        let node = node
        let found = try await ledger.read("removal.find") { tx -> Local? in
            guard try tx.tracks.find(track)?.state == .deleted else { return nil }
            let uploads = try tx.uploads.of(track).filter { $0.node == node }
            let held = try tx.quarantine.of(track).filter { $0.state != .deleted }
            let keys = uploads.map { UploadService.finishKey($0.id) } + held.map { HeldWork.key($0.id) }
            return Local(uploads: uploads, held: held, isRead: try keys.contains { try tx.jobs.isRunning($0) })
        }
        guard let found else { return true }
        if found.isRead { return false }
        for upload in found.uploads {
            if upload.state == .receiving { try await uploads.cancel(upload) }
            try await uploads.release(upload.id)
            try folders.dropHeld(upload.id)
        }
        guard !found.held.isEmpty else { return true }
        try await ledger.write("removal.held") { tx in
            for row in found.held { _ = try tx.quarantine.setState(row.id, from: row.state, to: .deleted) }
        }
        return true
    }
}
