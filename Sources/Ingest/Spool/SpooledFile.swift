import Platform
import Synchronization

/// One upload on a disk: a file with its bytes and a journal beside it. Used on the upload's lane alone; the lock only
/// proves it.
///
/// What is acknowledged was made durable in this order: bytes, fdatasync, record, fdatasync. Few bytes go into the
/// journal, beside their record, and one fdatasync is enough; the file has them too, for readers, and gets them again
/// after a crash.
final class SpooledFile: SpooledBytes {
    struct Status {
        var log: any DeviceFile
        /// Where the next record belongs. The file may be longer: its size is never believed.
        var end: Int
        /// Why nothing more is taken.
        var broken: String?
        /// The file has bytes that only a sync of it makes durable.
        var hasUnsyncedBytes = false
        /// What was written since the last record and is few enough for the journal, in its order.
        var few: [(first: Int64, bytes: [UInt8])] = []
        var isNamed: Bool
        /// A journal that is longer is compacted.
        var compactsPast = SpooledFile.journalGrowth
    }

    let journal: Journal
    let data: DataFile
    private let durability: Durability
    private let inlineLimit: Int
    /// Makes the names of both files durable.
    let syncNames: @Sendable () throws(Errno) -> Void
    /// Another journal in the place of this one; its file.
    let replaceLog: @Sendable ([UInt8]) throws(Errno) -> any DeviceFile
    let status: Mutex<Status>

    /// Two new files.
    init(
        data: DataFile, newLog log: any DeviceFile, durability: Durability, inlineLimit: Int,
        syncNames: @escaping @Sendable () throws(Errno) -> Void,
        replaceLog: @escaping @Sendable ([UInt8]) throws(Errno) -> any DeviceFile
    ) {
        self.data = data
        self.durability = durability
        self.inlineLimit = inlineLimit
        self.syncNames = syncNames
        self.replaceLog = replaceLog
        journal = Journal()
        status = Mutex(Status(log: log, end: 0, isNamed: false))
    }

    /// Cuts the journal back to its last whole record, so that no later append makes a torn one look true.
    init(
        data: DataFile, log: any DeviceFile, durability: Durability, inlineLimit: Int,
        syncNames: @escaping @Sendable () throws(Errno) -> Void,
        replaceLog: @escaping @Sendable ([UInt8]) throws(Errno) -> any DeviceFile
    ) throws(SpoolFailure) {
        self.data = data
        self.durability = durability
        self.inlineLimit = inlineLimit
        self.syncNames = syncNames
        self.replaceLog = replaceLog
        do {
            let bytes = try Self.read(log, upTo: Int(try log.size()))
            guard let journal = Journal(bytes) else {
                throw SpoolFailure(
                    .unreadable, "the journal of the upload does not begin as one of version \(Journal.version)")
            }
            if journal.end < bytes.count {
                try log.truncate(to: Int64(journal.end))
                if durability == .full { try log.syncData() }
            }
            guard data.isThere || journal.isAllInline else {
                throw SpoolFailure(.unreadable, "the journal of the upload has no bytes beside it")
            }
            // The file lacks them after a crash, or was not made yet. They stay in the journal: no sync is needed.
            for (first, bytes) in journal.inline where try data.read(upTo: bytes.count, at: first) != bytes {
                try data.write(bytes, at: first, isFew: false)
            }
            self.journal = journal
            status = Mutex(Status(log: log, end: journal.end, isNamed: true))
        } catch let errno as Errno {
            throw SpoolFailure(.unreadable, "the journal of the upload cannot be read: \(errno.reason)")
        } catch let failure as SpoolFailure {
            throw failure
        } catch {
            throw SpoolFailure(.unreadable, "the journal of the upload cannot be read")
        }
    }

    func write(_ bytes: [UInt8], at offset: Int64) throws(SpoolFailure) {
        try refuseIfBroken()
        let isFew = status.withLock { status in
            status.few.append((offset, bytes))
            if status.few.reduce(0, { $0 + $1.bytes.count }) > inlineLimit {
                status.few = []
                status.hasUnsyncedBytes = true
            }
            return !status.hasUnsyncedBytes
        }
        do { try data.write(bytes, at: offset, isFew: isFew) } catch {
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
        let (log, end, isDirty, few) = status.withLock { ($0.log, $0.end, $0.hasUnsyncedBytes, $0.few) }
        if isDirty { try sync("the bytes were not made durable") { () throws(Errno) in try data.syncData() } }
        let inline = isDirty ? [] : Self.inline(few, of: records)
        let bytes = (end == 0 ? Journal.head : []) + (inline + records).flatMap(\.bytes)
        do { try log.write(bytes, at: Int64(end)) } catch {
            // Half a batch may stand there. A later, shorter one must not be followed by its rest.
            do { try log.truncate(to: Int64(end)) } catch {
                throw note(SpoolFailure(.broken, "the journal could not be cut back: \(error)"))
            }
            throw note(SpoolFailure(writing: "the journal was not written", error))
        }
        try sync("the journal was not made durable") { () throws(Errno) in try log.syncData() }
        if needsNames(isDirty) {
            try sync("the upload's name was not made durable", syncNames)
            data.noteNamed()
        }
        status.withLock {
            $0.end = end + bytes.count
            $0.hasUnsyncedBytes = false
            // What no record spoke of belongs to a writer who is not done.
            $0.few = isDirty ? [] : $0.few.filter { !Self.isCovered($0, by: records) }
            $0.isNamed = true
        }
        compactIfLong()
    }

    /// A data file that only repeats what the journal holds may be lost.
    private func needsNames(_ isDirty: Bool) -> Bool { !status.withLock { $0.isNamed } || isDirty && data.needsName }

    /// The parts of the few bytes that the records are about. Others may be of a writer who never finishes, and must not
    /// come back over somebody else's bytes.
    private static func inline(
        _ few: [(first: Int64, bytes: [UInt8])], of records: [JournalRecord]
    ) -> [JournalRecord] {
        var parts: [(first: Int64, bytes: [UInt8])] = []
        for piece in few {
            for extent in extents(records) {
                let part = extent.clamped(to: piece.first..<piece.first + Int64(piece.bytes.count))
                guard !part.isEmpty else { continue }
                let bytes = piece.bytes[Int(part.lowerBound - piece.first)..<Int(part.upperBound - piece.first)]
                // A body that comes byte by byte is one record, not thousands.
                if let last = parts.last, last.first + Int64(last.bytes.count) == part.lowerBound {
                    parts[parts.count - 1].bytes += bytes
                } else {
                    parts.append((part.lowerBound, Array(bytes)))
                }
            }
        }
        return parts.map { JournalRecord(.inline(bytes: $0.bytes), $0.first..<$0.first + Int64($0.bytes.count)) }
    }

    private static func isCovered(_ piece: (first: Int64, bytes: [UInt8]), by records: [JournalRecord]) -> Bool {
        extents(records).contains { $0.overlaps(piece.first..<piece.first + Int64(piece.bytes.count)) }
    }

    private static func extents(_ records: [JournalRecord]) -> [Range<Int64>] {
        records.compactMap { record in
            guard case .extent = record.kind else { return nil }
            return record.first..<record.end
        }
    }

    /// After a failed sync the kernel may have dropped the dirty pages and called them clean: asking again would lie.
    private func sync(_ what: StaticString, _ body: () throws(Errno) -> Void) throws(SpoolFailure) {
        guard durability == .full else { return }
        do { try body() } catch { throw note(SpoolFailure(.broken, "\(what): \(error)")) }
    }

    private func refuseIfBroken() throws(SpoolFailure) {
        if let why = status.withLock({ $0.broken }) { throw SpoolFailure(.broken, why) }
    }

    @discardableResult
    func note(_ failure: SpoolFailure) -> SpoolFailure {
        if failure.kind == .broken { status.withLock { $0.broken = failure.message } }
        return failure
    }
}

/// `full`: nothing is acknowledged before it is on the disk. `fast`: a power cut may take the last seconds.
package enum Durability: String, Sendable {
    case full, fast
}
