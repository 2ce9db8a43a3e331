internal import CLinux
internal import Glibc

/// Several descriptors that one thread waits for at once. It holds numbers, not files: what is added must stay open until
/// the wait is over. A value, filled anew for each turn or kept; it belongs to one thread.
package struct PollSet {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: Int16
        package init(rawValue: Int16) { self.rawValue = rawValue }
        package static let read = Interest(rawValue: Int16(POLLIN))
        package static let write = Interest(rawValue: Int16(POLLOUT))
    }

    package struct Ready: Sendable {
        package let descriptor: Int32
        /// There are bytes, or the end.
        package let canRead: Bool
        /// There is room, or nobody reads any more: writing says which.
        package let canWrite: Bool
        /// The other side is gone; bytes may still wait to be read.
        package let isHungUp: Bool
    }

    private var entries: [pollfd] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    package mutating func add(_ descriptor: Int32, _ interest: Interest) {
        entries.append(pollfd(fd: descriptor, events: interest.rawValue, revents: 0))
    }

    package mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    /// Those that something can be done with, in the order they were added; none once the deadline is past.
    package mutating func wait(until deadline: Deadline = .never) throws(Errno) -> [Ready] {
        while true {
            let count = poll(&entries, nfds_t(entries.count), deadline.milliseconds)
            if count > 0 { break }
            let code = errno
            if count < 0 && code != EINTR { throw Errno(code: code) }
            if deadline.isPast { return [] }
        }
        return entries.compactMap { entry in
            let seen = Int32(entry.revents)
            guard seen != 0 else { return nil }
            let isHungUp = seen & (POLLHUP | POLLERR | POLLNVAL) != 0
            return Ready(
                descriptor: entry.fd,
                canRead: entry.events & Int16(POLLIN) != 0 && (seen & POLLIN != 0 || isHungUp),
                canWrite: entry.events & Int16(POLLOUT) != 0 && (seen & POLLOUT != 0 || isHungUp),
                isHungUp: isHungUp)
        }
    }
}

// MARK: Descriptors that do not wait

/// What a descriptor had at once.
package enum Available: Equatable, Sendable {
    case bytes([UInt8])
    case end
    case wouldBlock
}

extension FileDescriptor {
    package borrowing func setNonBlocking() throws(Errno) {
        let flags = try Errno.check(fcntl(raw, F_GETFL))
        try Errno.check(fcntl(raw, F_SETFL, flags | O_NONBLOCK))
    }

    package borrowing func readAvailable(upTo count: Int) throws(Errno) -> Available {
        do throws(Errno) {
            let bytes = try read(upTo: count)
            return bytes.isEmpty ? .end : .bytes(bytes)
        } catch .wouldBlock {
            return .wouldBlock
        }
    }

    /// How many of the bytes from `start` on were taken; nil if there is no room now. `Errno.brokenPipe` if nobody reads:
    /// that is an error once `Signals.ignorePipe()` was called, as it is for the input of a child.
    package borrowing func writeAvailable(_ bytes: [UInt8], from start: Int = 0) throws(Errno) -> Int? {
        try writeAvailable(bytes.span.extracting(start..<bytes.count))
    }

    package borrowing func writeAvailable(_ bytes: Span<UInt8>) throws(Errno) -> Int? {
        let (count, code) = bytes.withUnsafeBytes { buffer in
            while true {
                let count = Glibc.write(raw, buffer.baseAddress, buffer.count)
                let code = errno
                if count >= 0 || code != EINTR { return (count, code) }
            }
        }
        if count >= 0 { return count }
        guard code == EAGAIN else { throw Errno(code: code) }
        return nil
    }
}
