internal import CLinux
internal import Glibc

/// Names on the disk: folders, links, renames. All of it blocks: from a task, go through a `Lane`.
package enum Files {
    /// Makes `path` and every folder above it that is missing.
    package static func makeFolder(_ path: String, mode: UInt32 = 0o700) throws(Errno) {
        if mkdir(path, mode) == 0 { return }
        let code = errno
        if code == EEXIST, isFolder(path) { return }
        guard code == ENOENT, let parent = parent(of: path), parent != path else {
            throw Errno(code: code).at("mkdir", path)
        }
        try makeFolder(parent, mode: mode)
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw Errno(code: errno).at("mkdir", path) }
    }

    /// Takes a new name at once, over what had it, and makes that durable.
    package static func rename(_ from: String, to: String) throws(Errno) {
        try move(from, to: to)
        try syncFolder(of: to)
    }

    /// As `rename`, but a power cut may undo it.
    package static func move(_ from: String, to: String) throws(Errno) {
        try Errno.placed("rename \(from) to", to) { () throws(Errno) in try Errno.check(Glibc.rename(from, to)) }
    }

    /// As `rename`, but `Errno.exists` where the name is taken.
    package static func renameWithoutReplacing(_ from: String, to: String) throws(Errno) {
        try Errno.placed("rename \(from) to", to) { () throws(Errno) in
            do throws(Errno) {
                try Errno.check(sluice_rename_new(from, to))
            } catch {
                // NFS and most of FUSE know no flags of rename; a link fails on a taken name as well.
                guard [EINVAL, ENOSYS, EOPNOTSUPP].contains(error.code) else { throw error }
                try link(from, to: to)
                try remove(from)
            }
        }
        try syncFolder(of: to)
    }

    /// Gives the open file (also one made without a name) the name `path`. It is durable once the folder is synced.
    package static func link(_ file: borrowing FileDescriptor, to path: String) throws(Errno) {
        // Through /proc, because AT_EMPTY_PATH asks for a capability that the service does not have.
        try Errno.placed("link", path) { () throws(Errno) in
            try Errno.check(linkat(AT_FDCWD, "/proc/self/fd/\(file.raw)", AT_FDCWD, path, AT_SYMLINK_FOLLOW))
        }
    }

    package static func link(_ existing: String, to path: String) throws(Errno) {
        try Errno.placed("link \(existing) to", path) { () throws(Errno) in
            try Errno.check(linkat(AT_FDCWD, existing, AT_FDCWD, path, 0))
        }
    }

    /// True if there was one.
    @discardableResult
    package static func remove(_ path: String) throws(Errno) -> Bool {
        if unlink(path) == 0 { return true }
        let code = errno
        guard code == ENOENT else { throw Errno(code: code).at("unlink", path) }
        return false
    }

    /// Takes a folder away in which nothing is any more; any other stays.
    package static func removeIfEmpty(_ folder: String) { _ = rmdir(folder) }

    /// Removes the folder with all that is in it, following no link. Nothing there is no failure.
    package static func removeTree(_ path: String) throws(Errno) {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw Errno(code: errno).at("stat", path)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            try remove(path)
            return
        }
        for name in try list(path) { try removeTree(path + "/" + name) }
        guard rmdir(path) == 0 || errno == ENOENT else { throw Errno(code: errno).at("rmdir", path) }
    }

    /// The names in a folder, sorted, without `.` and `..`.
    package static func list(_ path: String) throws(Errno) -> [String] {
        guard let folder = opendir(path) else { throw Errno(code: errno).at("list", path) }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else {
                if errno != 0 { throw Errno(code: errno).at("list", path) }
                return names.sorted()
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// True if this process may execute the file.
    package static func isExecutable(_ path: String) -> Bool { !isFolder(path) && access(path, X_OK) == 0 }

    /// Nil where there is no such file.
    package static func size(_ path: String) throws(Errno) -> Int64? {
        var status = stat()
        if stat(path, &status) == 0 { return Int64(status.st_size) }
        let code = errno
        guard code == ENOENT || code == ENOTDIR else { throw Errno(code: code).at("stat", path) }
        return nil
    }

    /// Where all links end, from the root.
    package static func realPath(_ path: String) throws(Errno) -> String {
        guard let resolved = realpath(path, nil) else { throw Errno(code: errno).at("resolve", path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Nil where the file system does not know its size.
    package static func freeSpace(_ path: String) throws(Errno) -> DiskSpace? {
        var status = statvfs()
        try Errno.placed("statfs", path) { () throws(Errno) in try Errno.retrying { Int(statvfs(path, &status)) } }
        return DiskSpace(blocks: UInt64(status.f_blocks), free: UInt64(status.f_bavail), unit: UInt64(status.f_frsize))
    }

    package static func parent(of path: String) -> String? {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? path.dropLast() : path[...]
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}
