import CLinux
import Glibc
import Platform

/// Where to listen, resolved; several reactors bind it together, each with a queue of its own.
struct ListenAddress {
    /// A `sockaddr_in` or `sockaddr_in6`.
    private(set) var bytes: [UInt8]
    private let family: Int32

    /// `host:port`, `[v6]:port`, or `:port` for every address.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = String(text[..<colon].drop { $0 == "[" }.prefix { $0 != "]" })
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host.isEmpty || host == "*" ? nil : host, String(port), &hints, &found) == 0, let found else {
            return nil
        }
        defer { freeaddrinfo(found) }
        family = found.pointee.ai_family
        bytes = Array(UnsafeRawBufferPointer(start: found.pointee.ai_addr, count: Int(found.pointee.ai_addrlen)))
    }

    /// A listening socket, non-blocking. What connections inherit from it need not be said once each: TCP_NODELAY.
    mutating func listen() throws(Errno) -> FileDescriptor {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let listener = FileDescriptor(owning: try Errno.check(socket(family, kind, 0)))
        try Self.set(listener.raw, SOL_SOCKET, SO_REUSEADDR)
        try Self.set(listener.raw, SOL_SOCKET, SO_REUSEPORT)
        try Self.set(listener.raw, Int32(IPPROTO_TCP), TCP_NODELAY)
        let bound = bytes.withUnsafeBytes { raw in
            bind(listener.raw, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(raw.count))
        }
        _ = try Errno.check(bound)
        _ = try Errno.check(Glibc.listen(listener.raw, 4096))
        var length = socklen_t(bytes.count)
        let named = bytes.withUnsafeMutableBytes { raw in
            getsockname(listener.raw, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, &length)
        }
        _ = try Errno.check(named)
        return listener
    }

    /// Whether another process listens there already; `SO_REUSEPORT` would let us share its port in silence.
    func isTaken() -> Bool {
        guard port != 0 else { return false }
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let probe = socket(family, kind, 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        var one: Int32 = 1
        setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        let bound = bytes.withUnsafeBytes { raw in
            bind(probe, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(raw.count))
        }
        return bound != 0 && errno == EADDRINUSE
    }

    var port: UInt16 { UInt16(bytes[2]) << 8 | UInt16(bytes[3]) }

    var text: String {
        let peer = Peer(socketAddress: bytes)
        return peer.isIPv4 ? "\(peer):\(port)" : "[\(peer)]:\(port)"
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) throws(Errno) {
        var one: Int32 = 1
        _ = try Errno.check(setsockopt(descriptor, level, option, &one, 4))
    }
}

extension Peer {
    /// The bytes of a `sockaddr_in` or `sockaddr_in6`; anything else is nobody, `::`.
    init(socketAddress bytes: some RandomAccessCollection<UInt8>) {
        let bytes = Array(bytes)
        let family = bytes.count >= 2 ? Int32(bytes[0]) | Int32(bytes[1]) << 8 : 0
        if family == AF_INET, bytes.count >= 8 {
            self.init(ipv4: bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) })
        } else if family == AF_INET6, bytes.count >= 24 {
            self.init(
                high: bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) },
                low: bytes[16..<24].reduce(0) { $0 << 8 | UInt64($1) })
        } else {
            self.init(high: 0, low: 0)
        }
    }
}
