internal import Glibc

extension Files {
    /// The whole file; `Errno.tooBig` past `limit`.
    package static func readWhole(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        let file = try FileDescriptor.reading(path)
        var bytes: [UInt8] = []
        // Read to the end rather than to the size: a file of /proc has none.
        while true {
            let some: [UInt8]
            do throws(Errno) {
                some = try file.read(upTo: min(limit + 1 - bytes.count, 1 << 20), at: Int64(bytes.count))
            } catch {
                throw error.at("read", path)
            }
            if some.isEmpty { return bytes }
            bytes += some
            if bytes.count > limit { throw .tooBig }
        }
    }

    /// The name shows the old bytes or all of the new ones, also after a power cut, and the new ones once this returns.
    package static func writeAtomically(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(Errno) {
        try write(bytes, beside: path, mode) { (temporary) throws(Errno) in try rename(temporary, to: path) }
    }

    /// As `writeAtomically`, but `Errno.exists` where the name is taken.
    package static func createAtomically(_ bytes: [UInt8], at path: String, mode: UInt32 = 0o600) throws(Errno) {
        try write(bytes, beside: path, mode) { (temporary) throws(Errno) in
            try renameWithoutReplacing(temporary, to: path)
        }
    }

    /// What a crash left of files that were being written.
    package static func removeUnfinished(in folder: String) throws(Errno) {
        for name in try list(folder) where name.hasSuffix(unfinished) { try remove("\(folder)/\(name)") }
    }

    private static let unfinished = ".new"

    private static func write(
        _ bytes: [UInt8], beside path: String, _ mode: UInt32, _ place: (String) throws(Errno) -> Void
    ) throws(Errno) {
        let temporary = "\(path).\(getpid())-\(UInt64.random(in: 0 ... .max))\(unfinished)"
        let file = try FileDescriptor.creating(temporary, mode: mode)
        do throws(Errno) {
            // Set again, because the process's umask took its part of the mode above.
            try Errno.check(fchmod(file.raw, mode))
            try file.write(bytes, at: 0)
            try file.syncData()
            try place(temporary)
        } catch {
            _ = unlink(temporary)
            throw error.at("write", temporary)
        }
    }

    /// Names made, taken or removed in the folder before this are durable after it.
    package static func syncFolder(_ path: String) throws(Errno) {
        try Errno.placed("sync", path) { () throws(Errno) in
            try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY).sync()
        }
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
        } catch {
            guard error == .wouldBlock else { throw error.at("lock", path) }
            return nil
        }
    }
}
