internal import Glibc
import Platform

/// Which state of a database lies on the disk: it changes when any file of it does.
struct DatabaseStamp: Equatable, Sendable {
    private struct Entry: Equatable {
        let name: String
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    private let entries: [Entry]

    init(of path: String) {
        var names = [path]
        // A folder that cannot be listed now has the stamp of nothing; it is looked at again.
        if Files.isFolder(path) { names = ((try? Files.list(path)) ?? []).map { "\(path)/\($0)" } }
        entries = names.compactMap { name in
            var status = stat()
            guard stat(name, &status) == 0 else { return nil }
            return Entry(
                name: name, inode: UInt(status.st_ino), size: Int(status.st_size), seconds: Int(status.st_mtim.tv_sec),
                nanoseconds: Int(status.st_mtim.tv_nsec))
        }
    }
}
