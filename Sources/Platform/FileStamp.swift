internal import CLinux
internal import Glibc

/// Which file, and which of its states: any write, truncation or change of rights through the file system makes another
/// stamp (as far as the file system's clock tells times apart).
package struct FileStamp: Hashable, Sendable {
    package let inode: UInt64
    package let size: Int64
    /// Nanoseconds since the epoch of the last change.
    package let changed: Int64

    init(_ status: stat) {
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
    }

    /// Nil where there is no such file.
    package static func of(_ path: String) throws(Errno) -> FileStamp? {
        var status = stat()
        if stat(path, &status) == 0 { return FileStamp(status) }
        let code = errno
        guard code == ENOENT || code == ENOTDIR else { throw Errno(code: code) }
        return nil
    }
}

extension FileDescriptor {
    package borrowing func stamp() throws(Errno) -> FileStamp { FileStamp(try status()) }
}
