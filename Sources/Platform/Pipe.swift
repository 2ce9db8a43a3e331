internal import CLinux
internal import Glibc

/// Both ends of a new pipe, each to be taken once. Both block until told otherwise.
package struct Pipe: ~Copyable {
    private var reading: FileDescriptor?
    private var writing: FileDescriptor?

    /// The kernel gives every user so many large pipes; past that, one stays at its 64 KiB, and works.
    package init(capacity: Int = 1 << 20) throws(Errno) {
        var ends: [Int32] = [-1, -1]
        try Errno.check(sluice_pipe(&ends))
        reading = FileDescriptor(owning: ends[0])
        writing = FileDescriptor(owning: ends[1])
        _ = sluice_set_pipe_size(ends[1], Int32(clamping: capacity))
    }

    package mutating func takeReading() -> FileDescriptor? { reading.take() }
    package mutating func takeWriting() -> FileDescriptor? { writing.take() }
}
