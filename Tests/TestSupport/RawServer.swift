import Glibc
import Platform
import Synchronization

/// A server that says exactly what a test tells it to: one thread accepts, one serves each connection.
package final class RawServer: Sendable {
    package let port: UInt16
    private let listener: Int32
    private let accepted = Mutex(0)

    /// How many connections came.
    package var connections: Int { accepted.withLock(\.self) }

    package init(_ serve: @escaping @Sendable (RawConnection) -> Void) throws {
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

    package func url(_ path: String = "/", host: String = "127.0.0.1", scheme: String = "http") -> String {
        "\(scheme)://\(host):\(port)\(path)"
    }
}

/// Used by the thread that serves it; closed when it goes.
package final class RawConnection: Sendable {
    private let raw: Int32
    private let rest = Mutex<[UInt8]>([])

    fileprivate init(_ raw: Int32) { self.raw = raw }
    deinit { close(raw) }

    /// To a server of loopback; nil where nobody listens.
    package init?(to port: Int) {
        raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // `deinit` closes it: every property has its value.
        guard result == 0 else { return nil }
    }

    /// The next head, without its empty line; nil when the client went away.
    package func head() -> String? {
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

    package func body(_ count: Int) -> [UInt8] {
        while rest.withLock(\.count) < count, more() {}
        return rest.withLock { rest in
            let count = min(count, rest.count)
            defer { rest.removeFirst(count) }
            return Array(rest[..<count])
        }
    }

    /// What comes up to the end of the connection, handed on as it comes; false ends it.
    package func each(_ body: ([UInt8]) -> Bool) {
        while true {
            let bytes = rest.withLock { rest in
                defer { rest = [] }
                return rest
            }
            if !bytes.isEmpty, !body(bytes) { return }
            guard more() else { return }
        }
    }

    /// Ends it as a crash does: the other side's next read fails.
    package func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        // The number stays taken until `deinit`; what it named is closed here, with a linger of nothing, which sends the reset.
        let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
        dup2(nowhere, raw)
        close(nowhere)
    }

    /// Returns once the client closed its end, or cut the connection.
    package func waitForEnd() { while more() {} }

    /// False when the client is gone.
    @discardableResult
    package func say(_ text: String) -> Bool { say(Array(text.utf8)) }

    @discardableResult
    package func say(_ bytes: [UInt8]) -> Bool {
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
package final class Moment: Sendable {
    private let signal: EventSignal
    private let stream: AsyncStream<Void>
    private let source: AsyncStream<Void>.Continuation

    package init() throws {
        signal = try EventSignal()
        (stream, source) = AsyncStream.makeStream()
    }

    package func come() {
        signal.raise()
        source.finish()
    }

    package func awaited() async { for await _ in stream {} }
    /// For threads. Only a broken poll throws, and then the test fails by what it expects.
    package func waited() { _ = try? signal.wait() }
}
