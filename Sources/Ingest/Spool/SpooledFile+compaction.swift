import Platform
import Synchronization

extension SpooledFile {
    /// So many bytes of records are added before a journal is compacted again. Eight pieces of the largest size that a
    /// journal keeps cost less than a sync of the data file for each of them.
    static let journalGrowth = 64 << 10

    /// Writes what the journal says anew, in as few records as can say it: an upload of many small requests costs the disk
    /// a bounded journal. Until the new file has the old one's name, the old one holds everything that was acknowledged.
    /// After that the new one does, so the request that led here succeeds whatever happens; a failed sync ends the upload
    /// for those that follow.
    func compactIfLong() {
        let (log, end, limit) = status.withLock { ($0.log, $0.end, $0.compactsPast) }
        guard end > limit else { return }
        // A full disk, or a journal that cannot be read now, leaves the old one for longer.
        status.withLock { $0.compactsPast = end + Self.journalGrowth }
        guard let bytes = try? Self.read(log, upTo: end), let journal = Journal(bytes), journal.end == end else {
            return
        }
        do {
            if !journal.inline.isEmpty { try makeDataDurable() }
            guard try replace(with: Journal.head + journal.compacted.flatMap(\.bytes)) else { return }
            try syncNames()
            data.noteNamed()
        } catch {
            note(SpoolFailure(.broken, "the journal was not compacted: \(error)"))
        }
    }

    /// False on a full disk: the old journal is still there.
    private func replace(with bytes: [UInt8]) throws(Errno) -> Bool {
        let new: any DeviceFile
        do { new = try replaceLog(bytes) } catch {
            guard error.isOutOfSpace else { throw error }
            return false
        }
        status.withLock {
            $0.log = new
            $0.end = bytes.count
            $0.compactsPast = bytes.count + Self.journalGrowth
        }
        return true
    }

    /// The bytes that the journal holds are about to leave it. `fast` syncs here too: a power cut may take the last
    /// seconds of an upload, but not its journal.
    private func makeDataDurable() throws(Errno) {
        try data.syncData()
        guard data.needsName else { return }
        try syncNames()
        data.noteNamed()
    }

    static func read(_ log: any DeviceFile, upTo size: Int) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < size {
            let piece = try log.read(upTo: min(1 << 20, size - bytes.count), at: Int64(bytes.count))
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }
}
