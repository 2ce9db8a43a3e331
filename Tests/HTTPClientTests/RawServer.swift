import Glibc
import Platform
import Synchronization

/// A server that says exactly what a test tells it to: one thread accepts, one serves each connection.
final class RawServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let accepted = Mutex(0)

    /// How many connections came.
    var connections: Int { accepted.withLock(\.self) }

    init(_ serve: @escaping @Sendable (RawConnection) -> Void) throws {
        let listener = try Errno.check(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) {
            try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try Errno.check(bind(listener, $0, length))
                try Errno.check(listen(listener, 128))
                try Errno.check(getsockname(listener, $0, &length))
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        _ = try OSThread(name: "raw-server") { [weak self] in
            while true {
                let raw = accept(listener, nil, nil)
                guard raw >= 0, let self else { break }
                self.accepted.withLock { $0 += 1 }
                // A connection nobody can serve is closed by its owner.
                let connection = RawConnection(raw)
                _ = try? OSThread(name: "raw-connection") { serve(connection) }
            }
            close(listener)
        }
    }

    /// Ends the thread that accepts, which closes the listener.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    func url(_ path: String = "/", host: String = "127.0.0.1", scheme: String = "http") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }
}

/// Used by the thread that serves it; closed when it goes.
final class RawConnection: Sendable {
    private let raw: Int32
    private let rest = Mutex<[UInt8]>([])

    init(_ raw: Int32) { self.raw = raw }
    deinit { close(raw) }

    /// The next head, without its empty line; nil when the client went away.
    func head() -> String? {
        while true {
            let head = rest.withLock { rest -> String? in
                guard let end = rest.indices.first(where: { rest[$0...].starts(with: Array("\r\n\r\n".utf8)) }) else {
                    return nil
                }
                defer { rest.removeFirst(end + 4) }
                return String(decoding: rest[..<end], as: UTF8.self)
            }
            if let head { return head }
            guard more() else { return nil }
        }
    }

    func body(_ count: Int) -> [UInt8] {
        while rest.withLock(\.count) < count, more() {}
        return rest.withLock { rest in
            let count = min(count, rest.count)
            defer { rest.removeFirst(count) }
            return Array(rest[..<count])
        }
    }

    /// Returns once the client closed its end, or cut the connection.
    func waitForEnd() { while more() {} }

    /// False when the client is gone.
    @discardableResult
    func say(_ text: String) -> Bool { say(Array(text.utf8)) }

    @discardableResult
    func say(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes {
                send(raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    private func more() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(raw, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        rest.withLock { $0 += buffer[..<count] }
        return true
    }
}

/// Something that happens once, for threads that raise it and tests that await it, or the other way round.
final class Moment: Sendable {
    private let signal: EventSignal
    private let stream: AsyncStream<Void>
    private let source: AsyncStream<Void>.Continuation

    init() throws {
        signal = try EventSignal()
        (stream, source) = AsyncStream.makeStream()
    }

    func come() {
        signal.raise()
        source.finish()
    }

    func awaited() async { for await _ in stream {} }
    /// For threads. Only a broken poll throws, and then the test fails by what it expects.
    func waited() { _ = try? signal.wait() }
}
