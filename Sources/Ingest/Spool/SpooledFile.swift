import Platform
import Synchronization

/// One upload on a disk: a file with its bytes and a journal beside it. Used on the upload's lane alone; the lock only
/// proves it.
///
/// What is acknowledged was made durable in this order: bytes, fdatasync, record, fdatasync.
final class SpooledFile: SpooledBytes {
    private struct Status {
        /// Where the next record belongs. The file may be longer: its size is never believed.
        var end: Int
        /// Why nothing more is taken.
        var broken: String?
        var hasUnsyncedBytes = false
    }

    let journal: Journal
    private let data: any DeviceFile
    private let log: any DeviceFile
    private let durability: Durability
    private let status: Mutex<Status>

    /// Cuts the journal back to its last whole record, so that no later append makes a torn one look true.
    init(data: any DeviceFile, log: any DeviceFile, durability: Durability) throws(SpoolFailure) {
        self.data = data
        self.log = log
        self.durability = durability
        do {
            let size = try log.size()
            var bytes: [UInt8] = []
            while bytes.count < size {
                let piece = try log.read(upTo: 1 << 20, at: Int64(bytes.count))
                if piece.isEmpty { break }
                bytes += piece
            }
            guard let journal = Journal(bytes) else {
                throw SpoolFailure(
                    .unreadable, "the journal of the upload does not begin as one of version \(Journal.version)")
            }
            if journal.end < bytes.count {
                try log.truncate(to: Int64(journal.end))
                if durability == .full { try log.syncData() }
            }
            self.journal = journal
            status = Mutex(Status(end: journal.end))
        } catch let errno as Errno {
            throw SpoolFailure(.unreadable, "the journal of the upload cannot be read: \(errno)")
        } catch let failure as SpoolFailure {
            throw failure
        } catch {
            throw SpoolFailure(.unreadable, "the journal of the upload cannot be read")
        }
    }

    func write(_ bytes: [UInt8], at offset: Int64) throws(SpoolFailure) {
        try refuseIfBroken()
        status.withLock { $0.hasUnsyncedBytes = true }
        do { try data.write(bytes, at: offset) } catch {
            throw note(SpoolFailure(writing: "the bytes were not written", error))
        }
    }

    func read(upTo count: Int, at offset: Int64) throws(SpoolFailure) -> [UInt8] {
        do { return try data.read(upTo: count, at: offset) } catch {
            throw SpoolFailure(.unreadable, "the bytes of the upload cannot be read: \(error)")
        }
    }

    func record(_ records: [JournalRecord]) throws(SpoolFailure) {
        try refuseIfBroken()
        let (end, isDirty) = status.withLock { ($0.end, $0.hasUnsyncedBytes) }
        if isDirty { try sync(data, "the bytes were not made durable") }
        let bytes = records.flatMap(\.bytes)
        do { try log.write(bytes, at: Int64(end)) } catch {
            // Half a batch may stand there. A later, shorter one must not be followed by its rest.
            do { try log.truncate(to: Int64(end)) } catch {
                throw note(SpoolFailure(.broken, "the journal could not be cut back: \(error)"))
            }
            throw note(SpoolFailure(writing: "the journal was not written", error))
        }
        try sync(log, "the journal was not made durable")
        status.withLock {
            $0.end = end + bytes.count
            $0.hasUnsyncedBytes = false
        }
    }

    /// After a failed sync the kernel may have dropped the dirty pages and called them clean: asking again would lie.
    private func sync(_ file: any DeviceFile, _ what: StaticString) throws(SpoolFailure) {
        guard durability == .full else { return }
        do { try file.syncData() } catch { throw note(SpoolFailure(.broken, "\(what): \(error)")) }
    }

    private func refuseIfBroken() throws(SpoolFailure) {
        if let why = status.withLock({ $0.broken }) { throw SpoolFailure(.broken, why) }
    }

    private func note(_ failure: SpoolFailure) -> SpoolFailure {
        if failure.kind == .broken { status.withLock { $0.broken = failure.message } }
        return failure
    }
}

/// `full`: nothing is acknowledged before it is on the disk. `fast`: a power cut may take the last seconds.
package enum Durability: String, Sendable {
    case full, fast
}
