internal import CLinux
internal import Glibc

/// One open file of the kernel's, owned: it is closed when its owner goes. What must be shared lives in a final class.
package struct FileDescriptor: ~Copyable, Sendable {
    package let raw: Int32

    package init(owning raw: Int32) { self.raw = raw }

    deinit { _ = Glibc.close(raw) }

    /// `O_CLOEXEC` always: what a child gets, it is given by name.
    package static func open(_ path: String, _ flags: Int32, mode: UInt32 = 0o600) throws(Errno) -> FileDescriptor {
        let raw = try Errno.placed("open", path) { () throws(Errno) in
            try Errno.retrying { Int(Glibc.open(path, flags | O_CLOEXEC, mode)) }
        }
        return FileDescriptor(owning: Int32(raw))
    }

    package static func reading(_ path: String) throws(Errno) -> FileDescriptor { try open(path, O_RDONLY) }

    /// Opens for reading and writing, and makes the file if there is none.
    package static func readingAndWriting(_ path: String, mode: UInt32 = 0o600) throws(Errno) -> FileDescriptor {
        try open(path, O_RDWR | O_CREAT, mode: mode)
    }

    /// Makes a file that was not there; `Errno.exists` if it was.
    package static func creating(_ path: String, mode: UInt32 = 0o600) throws(Errno) -> FileDescriptor {
        try open(path, O_RDWR | O_CREAT | O_EXCL, mode: mode)
    }

    /// A file with no name in `folder`: it is gone with its last descriptor. `flag` is for tests.
    package static func unnamed(
        in folder: String, mode: UInt32 = 0o600, flag: Int32? = nil
    ) throws(Errno) -> FileDescriptor {
        do throws(Errno) {
            return try open(folder, O_RDWR | (flag ?? sluice_o_tmpfile()), mode: mode)
        } catch {
            // NFS, FUSE and older overlayfs make no such files. Where the flag is unknown, a folder was to be written to.
            guard [EOPNOTSUPP, EISDIR, EINVAL].contains(error.code) else { throw error }
            return try unlinked(in: folder, mode: mode)
        }
    }

    private static func unlinked(in folder: String, mode: UInt32) throws(Errno) -> FileDescriptor {
        let path = "\(folder)/.\(getpid())-\(UInt64.random(in: 0 ... .max)).tmp"
        let file = try open(path, O_RDWR | O_CREAT | O_EXCL, mode: mode)
        try Files.remove(path)
        return file
    }

    /// A file in memory, without a name; the one given is for those who look at the process.
    package static func memory(named name: String) throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try Errno.check(sluice_memory_file(name)))
    }

    /// Says what closing said: a disk may report there what it did not report before.
    package consuming func close() throws(Errno) {
        let raw = self.raw
        discard self
        // Linux closes the descriptor even where it answers EINTR, so the call is never made twice.
        guard Glibc.close(raw) == 0 || errno == EINTR else { throw Errno(code: errno) }
    }

    /// Gives the number away; whoever takes it closes it.
    package consuming func release() -> Int32 {
        let raw = self.raw
        discard self
        return raw
    }

    package borrowing func duplicate() throws(Errno) -> FileDescriptor {
        FileDescriptor(owning: try Errno.check(fcntl(raw, F_DUPFD_CLOEXEC, 3)))
    }
}

// MARK: Reading

extension FileDescriptor {
    /// Up to `count` bytes at `offset`: fewer only at the end of the file.
    package borrowing func read(upTo count: Int, at offset: Int64) throws(Errno) -> [UInt8] {
        try Self.filled(count) { (buffer) throws(Errno) in
            var done = 0
            while done < buffer.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
                let got = try Errno.retrying { pread(raw, rest.baseAddress, rest.count, off_t(offset) + off_t(done)) }
                if got == 0 { break }
                done += got
            }
            return done
        }
    }

    /// Up to `count` bytes from where the descriptor stands; empty is the end. Waits if the descriptor is blocking.
    package borrowing func read(upTo count: Int) throws(Errno) -> [UInt8] {
        try Self.filled(count) { (buffer) throws(Errno) in
            try Errno.retrying { Glibc.read(raw, buffer.baseAddress, buffer.count) }
        }
    }

    /// An array made by `fill`, which says how many bytes it wrote. Typed errors do not pass the initialiser's closure.
    static func filled(
        _ count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(Errno) -> Int
    ) throws(Errno) -> [UInt8] {
        var failure: Errno?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            do throws(Errno) {
                written = try fill(UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

// MARK: Writing

extension FileDescriptor {
    /// All of it, at `offset`.
    package borrowing func write(_ bytes: [UInt8], at offset: Int64) throws(Errno) {
        try write(bytes.span, at: offset)
    }

    package borrowing func write(_ bytes: ArraySlice<UInt8>, at offset: Int64) throws(Errno) {
        try write(bytes.span, at: offset)
    }

    package borrowing func write(_ bytes: Span<UInt8>, at offset: Int64) throws(Errno) {
        try Self.all(bytes) { start, count, done in pwrite(raw, start, count, off_t(offset) + off_t(done)) }
    }

    /// All of it, where the descriptor stands (its end, when opened for appending).
    package borrowing func append(_ bytes: [UInt8]) throws(Errno) {
        try append(bytes.span)
    }

    package borrowing func append(_ bytes: Span<UInt8>) throws(Errno) {
        try Self.all(bytes) { start, count, _ in Glibc.write(raw, start, count) }
    }

    private static func all(
        _ bytes: Span<UInt8>, _ write: (UnsafeRawPointer, Int, Int) -> Int
    ) throws(Errno) {
        var failure: Errno?
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            var done = 0
            do throws(Errno) {
                while done < buffer.count {
                    let count = try Errno.retrying { write(base + done, buffer.count - done, done) }
                    guard count > 0 else { throw Errno.inputOutput }
                    done += count
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}

// MARK: Durability and shape

extension FileDescriptor {
    /// Bytes and what is needed to find them again are on the disk when this returns.
    package borrowing func syncData() throws(Errno) { try Errno.retrying { Int(fdatasync(raw)) } }

    package borrowing func sync() throws(Errno) { try Errno.retrying { Int(fsync(raw)) } }

    /// Everything that was written to this descriptor's file system before the call. Cheaper than many single syncs.
    package borrowing func syncFileSystem() throws(Errno) { try Errno.retrying { Int(sluice_sync_file_system(raw)) } }

    package borrowing func truncate(to size: Int64) throws(Errno) {
        try Errno.retrying { Int(ftruncate(raw, off_t(size))) }
    }

    package borrowing func size() throws(Errno) -> Int64 { Int64(try status().st_size) }

    /// Device and inode: the same pair is the same file.
    package borrowing func identity() throws(Errno) -> (device: UInt64, inode: UInt64) {
        let status = try status()
        return (UInt64(status.st_dev), UInt64(status.st_ino))
    }

    borrowing func status() throws(Errno) -> stat {
        var status = stat()
        try Errno.check(fstat(raw, &status))
        return status
    }

    /// Tells the disk to begin with these bytes now, so that the sync later has little left. A hint: no failure of it counts.
    package borrowing func startWriteback(_ range: Range<Int64>) {
        _ = sluice_start_writeback(raw, range.lowerBound, Int64(range.count))
    }

    /// Takes the room on the disk before the bytes come, so that a full disk is said at once. The size stays as it is.
    /// False where the file system cannot.
    @discardableResult
    package borrowing func reserve(_ range: Range<Int64>) throws(Errno) -> Bool {
        do throws(Errno) {
            try Errno.retrying { Int(sluice_reserve(raw, range.lowerBound, Int64(range.count))) }
            return true
        } catch  where error == .notSupported || error.code == ENOSYS {
            return false
        }
    }

    /// These bytes are not read again soon: their pages may go.
    package borrowing func forget(_ range: Range<Int64>) {
        _ = posix_fadvise(raw, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_DONTNEED)
    }

    /// These bytes are read next.
    package borrowing func readAhead(_ range: Range<Int64>) {
        _ = posix_fadvise(raw, off_t(range.lowerBound), off_t(range.count), POSIX_FADV_WILLNEED)
    }
}
