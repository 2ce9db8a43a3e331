import Crypto
import Platform

/// The cache's files: what is whole lies under its name, what is being filled under a random one that no start survives.
/// Nothing is synced: what a power cut tears is told by its digest. All of it blocks.
struct CacheFolder: Sendable {
    private let objects: String
    private let temporary: String

    init(root: String) throws(Errno) {
        (objects, temporary) = (root + "/objects", root + "/tmp")
        try Files.removeTree(temporary)
        try Files.makeFolder(temporary)
        try Files.makeFolder(objects)
    }

    /// Everything that earlier lives left, oldest first. What is not ours, or has another length than its name says, goes.
    func walk() throws(Errno) -> [CacheName] {
        var found: [(name: CacheName, changed: Int64)] = []
        for folder in try Files.list(objects) {
            let path = "\(objects)/\(folder)"
            guard Files.isFolder(path) else {
                try Files.remove(path)
                continue
            }
            for file in try Files.list(path) {
                if let name = CacheName(folder: folder, file: file), name.path == "\(folder)/\(file)",
                    let stamp = try FileStamp.of("\(path)/\(file)"), stamp.size == name.size
                {
                    found.append((name, stamp.changed))
                } else {
                    try Files.removeTree("\(path)/\(file)")
                }
            }
        }
        return found.sorted { $0.changed < $1.changed }.map(\.name)
    }

    /// The file, if its bytes are those its name promises; `verified` spares reading those that did not change since.
    func open(_ name: CacheName, verified: FileStamp?) throws(Errno) -> (file: SharedDescriptor, stamp: FileStamp)? {
        let file = SharedDescriptor(try FileDescriptor.reading(path(of: name)))
        let stamp = try file.descriptor.stamp()
        if stamp == verified { return (file, stamp) }
        guard stamp.size == name.size, try digest(file) == name.digest else { return nil }
        return (file, stamp)
    }

    private func digest(_ file: SharedDescriptor) throws(Errno) -> CacheDigest {
        var hash = SHA256()
        var offset: Int64 = 0
        while true {
            let bytes = try file.descriptor.read(upTo: 1 << 20, at: offset)
            if bytes.isEmpty { return CacheDigest(hash.finish()) }
            hash.update(bytes)
            offset += Int64(bytes.count)
        }
    }

    // MARK: Filling

    /// Room for all of it is taken at once, so that a full disk is said before the first byte is sent.
    func begin(size: Int64) throws(Errno) -> (file: SharedDescriptor, path: String) {
        let path = "\(temporary)/\(UInt64.random(in: 0 ... .max))"
        let file = SharedDescriptor(try FileDescriptor.creating(path))
        do throws(Errno) {
            if size > 0 { try file.descriptor.reserve(0..<size) }
        } catch {
            discard(path)
            throw error
        }
        return (file, path)
    }

    func publish(_ temporary: String, as name: CacheName) throws(Errno) {
        // An eviction of the folder's last file takes the folder away; then it is made again.
        for attempt in 1...4 {
            try Files.makeFolder("\(objects)/\(name.folder)")
            do throws(Errno) {
                return try Files.move(temporary, to: path(of: name))
            } catch {
                guard error == .noSuchFile, attempt < 4 else { throw error }
            }
        }
    }

    /// What cannot be unlinked now is emptied at the next start.
    func discard(_ temporary: String) { _ = try? Files.remove(temporary) }

    func remove(_ names: [CacheName]) {
        for name in names {
            // Gone already, or the next start's walk finds it again: it then counts again.
            _ = try? Files.remove(path(of: name))
            Files.removeIfEmpty("\(objects)/\(name.folder)")
        }
    }

    func remove(folder: SIMD2<UInt64>) throws(Errno) { try Files.removeTree("\(objects)/\(CacheName.folder(folder))") }

    private func path(of name: CacheName) -> String { "\(objects)/\(name.path)" }
}
