import CLinux
import Glibc
import Platform

/// System calls on non-blocking sockets, with the three ends that matter to a connection.
enum Socket {
    enum Transfer {
        case moved(Int)
        case wouldBlock
        /// The peer is gone, or the connection is broken.
        case gone
    }

    /// SHUT_WR, which is an enumeration's case in C and has no form in Swift.
    static let writing: Int32 = 1

    static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .moved(count) }
            if count == 0 { return .gone }
            if let end = failure(errno) { return end }
        }
    }

    static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool = false) -> Transfer {
        while true {
            let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
            if count >= 0 { return .moved(count) }
            if let end = failure(errno) { return end }
        }
    }

    /// Several pieces in one call; `more` says that the file's bytes follow, so that they share the first packet.
    static func send(_ descriptor: Int32, _ pieces: UnsafeMutableBufferPointer<iovec>, more: Bool) -> Transfer {
        var message = msghdr()
        message.msg_iov = pieces.baseAddress
        message.msg_iovlen = pieces.count
        while true {
            let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
            let count = sendmsg(descriptor, &message, flags)
            if count >= 0 { return .moved(count) }
            if let end = failure(errno) { return end }
        }
    }

    /// A file that has become shorter than it was ends the response early: `.gone`, the client sees the cut.
    static func sendFile(_ descriptor: Int32, _ file: OpenFile, at offset: Int64, count: Int) -> Transfer {
        var position = off_t(offset)
        while true {
            let sent = sendfile(descriptor, file.descriptor.raw, &position, count)
            if sent > 0 { return .moved(sent) }
            if sent == 0 { return .gone }
            if let end = failure(errno) { return end }
        }
    }

    /// Nil for an interrupted call, which is made again.
    private static func failure(_ code: Int32) -> Transfer? {
        switch code {
        case EINTR: nil
        case EAGAIN: .wouldBlock
        default: .gone
        }
    }
}
