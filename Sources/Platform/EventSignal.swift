internal import CLinux
internal import Glibc

/// A flag that a thread asleep in poll sees: raised by any thread, any number of times, and lowered by the one that waits.
package final class EventSignal: Sendable {
    package let descriptor: FileDescriptor

    package init() throws(Errno) {
        descriptor = FileDescriptor(owning: try Errno.check(eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))))
    }

    package var raw: Int32 { descriptor.raw }

    package func raise() {
        var one: UInt64 = 1
        // Only a counter that is full answers EAGAIN, and that one is raised already.
        _ = Glibc.write(raw, &one, 8)
    }

    /// True if it was raised.
    @discardableResult
    package func lower() -> Bool {
        var count: UInt64 = 0
        return Glibc.read(raw, &count, 8) == 8
    }

    /// Waits until it is raised, leaving it so; false once the deadline is past.
    package func wait(until deadline: Deadline = .never) throws(Errno) -> Bool {
        var set = PollSet()
        set.add(raw, .read)
        return try !set.wait(until: deadline).isEmpty
    }
}
