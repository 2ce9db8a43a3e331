internal import CLinux
internal import Glibc

/// Both ends of a pair of connected unix sockets, each to be taken once. Messages on them may carry open files.
package struct SocketPair: ~Copyable {
    package enum Kind: Sendable {
        case stream
        /// Keeps the borders of messages, and says when the other side is gone.
        case messages
    }

    private var first: FileDescriptor?
    private var second: FileDescriptor?

    package init(_ kind: Kind = .messages) throws(Errno) {
        var ends: [Int32] = [-1, -1]
        try Errno.check(sluice_socket_pair(kind == .stream ? 0 : 1, &ends))
        first = FileDescriptor(owning: ends[0])
        second = FileDescriptor(owning: ends[1])
    }

    package mutating func takeFirst() -> FileDescriptor? { first.take() }
    package mutating func takeSecond() -> FileDescriptor? { second.take() }
}

/// What came in one message.
package struct SocketMessage: Sendable {
    package let bytes: [UInt8]
    package let descriptors: [SharedDescriptor]
}

extension FileDescriptor {
    /// More descriptors than this are in no message, sent or received.
    package static let descriptorsPerMessage = Int(SLUICE_DESCRIPTORS_PER_MESSAGE)

    /// Sends one message; the receiver gets descriptors of its own to the same open files. `Errno.brokenPipe` if it is gone,
    /// never a signal. An empty message would read as the end, so it is refused.
    package borrowing func sendMessage(_ bytes: [UInt8], descriptors: [Int32] = []) throws(Errno) {
        guard !bytes.isEmpty, descriptors.count <= Self.descriptorsPerMessage else { throw .invalid }
        var sent = try Errno.retrying {
            sluice_send_message(raw, bytes, bytes.count, descriptors, Int32(descriptors.count))
        }
        // Only a stream takes a part.
        while sent < bytes.count {
            let rest = Array(bytes[sent...])
            sent += try Errno.retrying { sluice_send_message(raw, rest, rest.count, nil, 0) }
        }
    }

    /// The next message; nil if the other side is gone. One beyond `limit` bytes is an error and takes its descriptors along.
    /// `Errno.wouldBlock` where the socket does not wait and has none.
    package borrowing func receiveMessage(limit: Int) throws(Errno) -> SocketMessage? {
        var descriptors = [Int32](repeating: -1, count: Self.descriptorsPerMessage)
        var count: Int32 = 0
        var isCut: Int32 = 0
        let bytes = try Self.filled(limit) { (buffer) throws(Errno) in
            try Errno.retrying {
                sluice_receive_message(raw, buffer.baseAddress, buffer.count, &descriptors, &count, &isCut)
            }
        }
        let owned = descriptors.prefix(Int(count)).map { SharedDescriptor(FileDescriptor(owning: $0)) }
        guard isCut == 0 else { throw Errno(code: EMSGSIZE) }
        return bytes.isEmpty ? nil : SocketMessage(bytes: bytes, descriptors: owned)
    }
}
