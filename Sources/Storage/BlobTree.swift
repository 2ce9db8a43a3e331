internal import Glibc
internal import Platform

/// The folders of a local store, and the order of system calls that makes putting atomic and durable. All of it blocks.
struct BlobTree: Sendable {
    private let objects: String
    private let temporary: String
    private let unsynced = UnsyncedFolders()

    init(root: String) throws(BlobFailure) {
        objects = root + "/objects"
        temporary = root + "/tmp"
        do throws(Errno) {
            // What lies there was never said to be stored.
            try Files.removeTree(temporary)
            try Files.makeFolder(temporary)
            try Files.makeFolder(objects)
            try Files.syncFolder(root)
        } catch {
            throw BlobFailure(error, root)
        }
    }

    /// Beside the owner: nothing is made, and what the owner is putting stays.
    init(reading root: String) { (objects, temporary) = (root + "/objects", root + "/tmp") }

    /// Beside the owner, who may be running: folders are made where they lack, and nothing is emptied.
    init(beside root: String) throws(BlobFailure) {
        self.init(reading: root)
        do throws(Errno) {
            try Files.makeFolder(temporary)
            try Files.makeFolder(objects)
        } catch {
            throw BlobFailure(error, root)
        }
    }

    func path(of key: BlobKey) -> String { "\(objects)/\(key.path)" }

    // MARK: Putting

    /// Bytes first, all of them; then the names; then the folders that hold the names. A cut between leaves no half file
    /// under any name.
    func publish(_ items: [BlobItem]) throws(BlobFailure) {
        var staged: [(name: String, key: BlobKey)] = []
        defer { for file in staged { _ = unlink(file.name) } }
        for item in items {
            try at(item.key) { () throws(Errno) in
                let name = temporaryName()
                staged.append((name, item.key))
                switch item.source {
                case .bytes(let bytes): try write(bytes, to: name, syncing: items.count <= Self.fewFiles)
                case .file(let path):
                    try take(FileDescriptor.reading(path), as: name, syncing: items.count <= Self.fewFiles)
                }
            }
        }
        if items.count > Self.fewFiles { try at(items[0].key) { () throws(Errno) in try syncFileSystem() } }
        var folders: Set<String> = []
        for file in staged {
            try at(file.key) { () throws(Errno) in folders.formUnion(try name(file.name, as: file.key)) }
        }
        for folder in folders { try sync(folder) }
    }

    func publish(file: borrowing FileDescriptor, at key: BlobKey) throws(BlobFailure) {
        let staged = temporaryName()
        defer { _ = unlink(staged) }
        do throws(Errno) {
            try take(file, as: staged, syncing: true)
            for folder in try name(staged, as: key) { try syncNames(of: folder) }
        } catch {
            throw BlobFailure(error, key.path)
        }
    }

    func copy(_ from: BlobKey, to key: BlobKey) throws(BlobFailure) {
        let file = try at(from) { () throws(Errno) in SharedDescriptor(try FileDescriptor.reading(path(of: from))) }
        try publish(file: file.descriptor, at: key)
    }

    /// One rename where the folder lies on this disk; else file by file.
    func adopt(_ folder: String, as prefix: BlobKey) throws(BlobFailure) {
        let target = path(of: prefix)
        let aside = temporaryName()
        try at(prefix) { () throws(Errno) in
            guard Files.isFolder(folder) else { throw .noSuchFile }
            try syncFileSystem()
        }
        let moved = try at(prefix) { () throws(Errno) -> Bool in
            var folders = try makeFolder(of: prefix)
            // An earlier run that died before it could say so.
            if Files.exists(target) { try Errno.check(rename(target, aside)) }
            if rename(folder, target) != 0 {
                let code = errno
                if code == EXDEV { return false }
                throw Errno(code: code)
            }
            folders.insert(Self.parent(of: target))
            for folder in folders { try syncNames(of: folder) }
            return true
        }
        // The new one stands; what an old one left is emptied at the next start if this fails.
        try? Files.removeTree(aside)
        if moved { return }
        try publish(try files(below: folder, as: prefix))
        try at(prefix) { () throws(Errno) in try Files.removeTree(folder) }
    }

    private func files(below folder: String, as prefix: BlobKey) throws(BlobFailure) -> [BlobItem] {
        var items: [BlobItem] = []
        for name in try at(prefix, { () throws(Errno) in try Files.list(folder) }) {
            guard let key = prefix.below(name) else { throw BlobFailure(.refused, "\(prefix)/\(name) is no key") }
            let path = "\(folder)/\(name)"
            items += Files.isFolder(path) ? try files(below: path, as: key) : [BlobItem(key, .file(path: path))]
        }
        return items
    }

    // MARK: Taking away

    func delete(_ key: BlobKey) throws(BlobFailure) {
        do throws(Errno) {
            try Files.remove(path(of: key))
        } catch {
            // A part of the key is a file: so there is nothing at the key.
            if error.code == ENOTDIR || error.code == EISDIR { return }
            throw BlobFailure(error, key.path)
        }
        // Folders that are empty now go too; the first that is not ends it.
        var folder = Self.parent(of: key.path)
        while !folder.isEmpty, rmdir("\(objects)/\(folder)") == 0 || errno == ENOENT {
            folder = Self.parent(of: folder)
        }
    }

    // MARK: Pieces

    /// Up to here each file is synced by itself; beyond, one `syncfs` is cheaper.
    private static let fewFiles = 8

    private func write(_ bytes: [UInt8], to path: String, syncing: Bool) throws(Errno) {
        let file = try FileDescriptor.creating(path)
        try file.write(bytes, at: 0)
        if syncing { try file.syncData() }
        try file.close()
    }

    /// A second name for the same bytes, or a copy of them where the disk is another or links are not to be had.
    private func take(_ file: borrowing FileDescriptor, as path: String, syncing: Bool) throws(Errno) {
        do throws(Errno) {
            try Files.link(file, to: path)
            if syncing { try file.syncData() }
        } catch {
            guard [EXDEV, EPERM, EMLINK, ENOENT, EOPNOTSUPP].contains(error.code) else { throw error }
            try copy(file, to: path, syncing: syncing)
        }
    }

    private func copy(_ file: borrowing FileDescriptor, to path: String, syncing: Bool) throws(Errno) {
        let copy = try FileDescriptor.creating(path)
        var offset: Int64 = 0
        while true {
            let bytes = try file.read(upTo: 1 << 20, at: offset)
            if bytes.isEmpty { break }
            try copy.write(bytes, at: offset)
            offset += Int64(bytes.count)
        }
        if syncing { try copy.syncData() }
        try copy.close()
    }

    /// Says which folders must be synced before the name is durable.
    private func name(_ staged: String, as key: BlobKey) throws(Errno) -> Set<String> {
        let target = path(of: key)
        // A delete of the folder's last file takes the folder away; then it is made again.
        for attempt in 1... {
            var folders = try makeFolder(of: key)
            folders.insert(Self.parent(of: target))
            if rename(staged, target) == 0 { return folders }
            let code = errno
            guard code == ENOENT, attempt < 8 else { throw Errno(code: code) }
        }
        return []
    }

    /// Makes the folders above the key; says those whose names are not known to be durable, whoever made them.
    private func makeFolder(of key: BlobKey) throws(Errno) -> Set<String> {
        var above = [objects]
        for part in key.path.split(separator: "/").dropLast() { above.append("\(above[above.count - 1])/\(part)") }
        if !Files.isFolder(Self.parent(of: path(of: key))) {
            for (folder, child) in zip(above, above.dropFirst()) where !Files.isFolder(child) {
                unsynced.note(folder)
                let code = mkdir(child, 0o700) == 0 ? 0 : errno
                // Gone again between two calls: `name` sees its rename fail and comes back.
                guard [0, EEXIST, ENOENT].contains(code) else { throw Errno(code: code) }
            }
        }
        return Set(unsynced.filter(above))
    }

    private func syncNames(of folder: String) throws(Errno) {
        try unsynced.sync(folder) { () throws(Errno) in try Files.syncFolder(folder) }
    }

    private func syncFileSystem() throws(Errno) {
        try FileDescriptor.open(objects, O_RDONLY | O_DIRECTORY).syncFileSystem()
    }

    private func sync(_ folder: String) throws(BlobFailure) {
        do throws(Errno) {
            try syncNames(of: folder)
        } catch .noSuchFile {
            // Emptied and taken away since, by a delete of what was just put.
        } catch {
            throw BlobFailure(error, folder)
        }
    }

    private func temporaryName() -> String { "\(temporary)/\(UInt64.random(in: 0 ... .max))" }

    private func at<T>(_ key: BlobKey, _ body: () throws(Errno) -> T) throws(BlobFailure) -> T {
        do throws(Errno) { return try body() } catch { throw BlobFailure(error, key.path) }
    }

    static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}

// MARK: Listing

extension BlobTree {
    /// Walks the folders in the order of keys, which is not the order of names: `a-b` comes before `a/b`.
    func list(prefix: String, after: BlobKey?, limit: Int) throws(BlobFailure) -> [BlobEntry] {
        var found: [BlobEntry] = []
        do throws(Errno) {
            // Only the folder that the prefix ends in can hold any.
            let start = Self.parent(of: prefix)
            guard start.isEmpty || BlobKey(start) != nil else { return [] }
            try walk(start, prefix: prefix, after: after?.path, limit: limit, into: &found)
        } catch {
            throw BlobFailure(error, prefix)
        }
        return found
    }

    private func walk(
        _ folder: String, prefix: String, after: String?, limit: Int, into found: inout [BlobEntry]
    ) throws(Errno) {
        let disk = folder.isEmpty ? objects : "\(objects)/\(folder)"
        let names: [String]
        do throws(Errno) {
            names = try Files.list(disk)
        } catch {
            // It went while we walked, or is a file.
            if error == .noSuchFile || error.code == ENOTDIR { return }
            throw error
        }
        let keys = names.map { name in
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            return Files.isFolder("\(objects)/\(path)") ? path + "/" : path
        }
        for key in keys.sorted() where found.count < limit {
            if key.hasSuffix("/") {
                let mayHold = key.hasPrefix(prefix) || prefix.hasPrefix(key)
                let isBehind = after.map { key < $0 && !$0.hasPrefix(key) } ?? false
                guard mayHold, !isBehind else { continue }
                try walk(String(key.dropLast()), prefix: prefix, after: after, limit: limit, into: &found)
            } else if key.hasPrefix(prefix), after.map({ key > $0 }) ?? true, let blob = BlobKey(key),
                let size = try Files.size("\(objects)/\(key)")
            {
                found.append(BlobEntry(key: blob, size: size))
            }
        }
    }
}
