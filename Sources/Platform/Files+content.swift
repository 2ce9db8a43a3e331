internal import Glibc

extension Files {
    /// The whole file; `Errno.tooBig` past `limit`.
    package static func readWhole(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        let file = try FileDescriptor.reading(path)
        var bytes: [UInt8] = []
        // Read to the end rather than to the size: a file of /proc has none.
        while true {
            let some = try file.read(upTo: min(limit + 1 - bytes.count, 1 << 20), at: Int64(bytes.count))
            if some.isEmpty { return bytes }
            bytes += some
            if bytes.count > limit { throw .tooBig }
        }
    }

    /// The name shows the old bytes or all of the new ones, also after a power cut, and the new ones once this returns.
    package static func writeAtomically(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(Errno) {
        let temporary = "\(path).\(getpid())-\(UInt64.random(in: 0 ... .max)).new"
        let file = try FileDescriptor.creating(temporary, mode: mode)
        do throws(Errno) {
            // Set again, because the process's umask took its part of the mode above.
            try Errno.check(fchmod(file.raw, mode))
            try file.write(bytes, at: 0)
            try file.syncData()
            try rename(temporary, to: path)
        } catch {
            _ = unlink(temporary)
            throw error
        }
    }

    /// Names made, taken or removed in the folder before this are durable after it.
    package static func syncFolder(_ path: String) throws(Errno) {
        try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY).sync()
    }

    package static func syncFolder(of path: String) throws(Errno) {
        try syncFolder(parent(of: path) ?? ".")
    }

    /// The file's lock, held for as long as the descriptor lives; nil if another has it. It ends with its process, however
    /// that ends.
    package static func lock(_ path: String) throws(Errno) -> FileDescriptor? {
        let file = try FileDescriptor.readingAndWriting(path)
        do throws(Errno) {
            try Errno.retrying { Int(flock(file.raw, LOCK_EX | LOCK_NB)) }
            return file
        } catch .wouldBlock {
            return nil
        }
    }
}
