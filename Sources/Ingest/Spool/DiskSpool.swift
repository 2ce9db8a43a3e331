package import Core
package import Platform
import Synchronization

/// The spool on this machine's disk: a data file and a journal an upload, in folders of their ids' last character, so
/// that no folder grows long.
package struct DiskSpool: Spool {
    let device: any SpoolDevice
    let durability: Durability
    private let inlineLimit: Int
    private let folders = DurableFolders()

    /// So much of an upload waits in memory for its record, of each of ten thousand slow ones.
    package static let inlineLimit = 8 << 10

    /// Commits of up to `inlineLimit` bytes travel in the journal.
    package init(device: any SpoolDevice, durability: Durability, inlineLimit: Int = Self.inlineLimit) {
        self.device = device
        self.inlineLimit = min(inlineLimit, JournalRecord.longestPayload)
        self.durability = durability
    }

    package func open(_ upload: UploadID, creating: Bool) throws(SpoolFailure) -> (any SpooledBytes)? {
        let name = SpoolName(upload)
        do {
            guard let log = try device.file(name.journal, creating: false) else {
                return creating ? try make(name) : nil
            }
            if try log.size() == 0 { return creating ? try make(name) : nil }
            return try SpooledFile(
                data: try DataFile(name.data, on: device), log: log, durability: durability,
                inlineLimit: inlineLimit, syncNames: syncNames(name), replaceLog: replaceJournal(name))
        } catch let errno as Errno {
            throw SpoolFailure(errno.isOutOfSpace ? .full : .unreadable, "the upload cannot be opened: \(errno.reason)")
        } catch let failure as SpoolFailure {
            throw failure
        } catch {
            throw SpoolFailure(.unreadable, "the upload cannot be opened")
        }
    }

    /// Its journal's head and its name become durable with its first record: before that nothing was acknowledged. So a
    /// journal that a crash left empty is begun again.
    private func make(_ name: SpoolName) throws -> SpooledFile {
        _ = try device.makeFolder(name.folder)
        guard let log = try device.file(name.journal, creating: true) else {
            throw SpoolFailure(.unreadable, "the upload's journal was not made")
        }
        // A crash before the first record may have left bytes that nobody was told of.
        try device.remove(name.data)
        return SpooledFile(
            data: try DataFile(name.data, on: device), newLog: log, durability: durability, inlineLimit: inlineLimit,
            syncNames: syncNames(name), replaceLog: replaceJournal(name))
    }

    /// The new journal is durable before it takes the old one's name. The name itself is durable once the folder is synced.
    private func replaceJournal(_ name: SpoolName) -> @Sendable ([UInt8]) throws(Errno) -> any DeviceFile {
        let device = device
        return { bytes throws(Errno) in
            // A crash may have left one here, half written.
            try device.remove(name.newJournal)
            guard let new = try device.file(name.newJournal, creating: true) else { throw .noSuchFile }
            try new.write(bytes, at: 0)
            try new.syncData()
            try device.rename(name.newJournal, to: name.journal)
            guard let log = try device.file(name.journal, creating: false) else { throw .noSuchFile }
            return log
        }
    }

    func syncNames(_ name: SpoolName) -> @Sendable () throws(Errno) -> Void {
        let (device, folders) = (device, folders)
        return { () throws(Errno) in
            try device.syncFolder(name.folder)
            // Whoever made the folder may not have synced its name yet.
            if folders.contains(name.folder) { return }
            try device.syncFolder("")
            folders.insert(name.folder)
        }
    }

    /// The journal goes first: a data file alone promises nothing.
    package func remove(_ upload: UploadID) throws(SpoolFailure) {
        let name = SpoolName(upload)
        do {
            try device.remove(name.journal)
            try device.remove(name.newJournal)
            try device.remove(name.data)
            try removeParts(name)
        } catch {
            throw SpoolFailure(.unreadable, "the upload was not removed: \(error)")
        }
    }

    package func uploads() throws(SpoolFailure) -> [UploadID] {
        do {
            var found: Set<UploadID> = []
            for folder in try device.list("") {
                for file in try device.list(folder) {
                    if let upload = UploadID(file.prefix { $0 != "." }) { found.insert(upload) }
                }
            }
            return found.sorted()
        } catch {
            throw SpoolFailure(.unreadable, "the spool cannot be listed: \(error)")
        }
    }

    package func space() throws(SpoolFailure) -> DiskSpace? {
        do { return try device.space() } catch {
            throw SpoolFailure(.unreadable, "the free space cannot be read: \(error)")
        }
    }

    package func sealed(_ upload: UploadID) throws(SpoolFailure) -> SealedFile {
        guard let bytes = try open(upload, creating: false) else {
            throw SpoolFailure(.missing, "the bytes of upload \(upload) are not here")
        }
        guard let sealed = bytes.journal.sealed else {
            throw SpoolFailure(
                .missing, "upload \(upload) is not sealed: \(bytes.journal.received.frontier) bytes are here")
        }
        do {
            guard let descriptor = try device.descriptor(SpoolName(upload).data) else {
                throw SpoolFailure(.missing, "the bytes of upload \(upload) are not here")
            }
            return SealedFile(descriptor: descriptor, size: sealed.length, sha256: sealed.sha256)
        } catch let failure as SpoolFailure {
            throw failure
        } catch {
            throw SpoolFailure(.unreadable, "the bytes of upload \(upload) cannot be opened: \(error)")
        }
    }
}

/// The folders whose own names are known to be durable.
private final class DurableFolders: Sendable {
    private let names = Mutex<Set<String>>([])
    func contains(_ name: String) -> Bool { names.withLock { $0.contains(name) } }
    func insert(_ name: String) { names.withLock { _ = $0.insert(name) } }
}

/// Where an upload lies below the spool's folder.
struct SpoolName {
    let folder: String
    let data: String
    let journal: String
    /// A compacted journal, until it takes the other one's name.
    let newJournal: String

    init(_ upload: UploadID) {
        let text = upload.text
        folder = "_" + text.suffix(1)  // the leading `_` keeps an id of one dash or dot from being a name with a meaning
        data = "\(folder)/\(text).data"
        journal = "\(folder)/\(text).journal"
        newJournal = journal + ".new"
    }

    /// Of a joined upload.
    func part(_ index: Int) -> String { "\(data.dropLast(5)).part\(index)" }
}
