import Glibc
import Platform

/// A client's end of one connection, byte by byte: for what a well-behaved client never sends. Calls block their own
/// lane, never the test's thread, and give up shortly before the time limit of a test.
package final class HTTPWire: Sendable {
    package struct Failure: Error { package let message: String }

    static let patience = 240

    private let descriptor: FileDescriptor
    private let lane: Lane
    private let reader: Reader

    /// `127.0.0.1:port`.
    package init(_ address: String) throws {
        guard let port = UInt16(address.split(separator: ":").last ?? "") else {
            throw Failure(message: "no port: \(address)")
        }
        let descriptor = FileDescriptor(
            owning: try Errno.check(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let raw = descriptor.raw
        let code = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try Errno.check(code)
        var limit = timeval(tv_sec: Self.patience, tv_usec: 0)
        setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        reader = Reader(raw)
        lane = try Lane(name: "wire")
        self.descriptor = descriptor
    }

    package func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) async throws {
        let raw = descriptor.raw
        try await lane.run {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(
                        raw, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { throw Failure(message: "the server took only \(sent) bytes") }
                sent += count
            }
        }
    }

    /// One answer, interim ones included. `toHead` says that the request was a HEAD.
    package func answer(toHead: Bool = false) async throws -> HTTPTestAnswer {
        try await lane.run { [reader] in try reader.answer(toHead: toHead) }
    }

    /// All that comes until the server closes.
    package func rest() async throws -> [UInt8] {
        try await lane.run { [reader] in try reader.rest() }
    }

    /// Says that nothing more will be sent.
    package func finish() { shutdown(descriptor.raw, Int32(SHUT_WR)) }

    /// Both ways at once, as a client that crashes.
    package func leave() { shutdown(descriptor.raw, Int32(SHUT_RDWR)) }
}

/// `@unchecked Sendable`: used on its wire's lane alone.
private final class Reader: @unchecked Sendable {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func answer(toHead: Bool) throws -> HTTPTestAnswer {
        let status = try line().split(separator: " ")
        guard status.count >= 2, status[0] == "HTTP/1.1", let code = Int(status[1]) else {
            throw HTTPWire.Failure(message: "no status line: \(status)")
        }
        let fields = try fields()
        var answer = HTTPTestAnswer(status: code, fields: fields)
        if toHead || code < 200 || code == 204 || code == 304 { return answer }
        if answer["transfer-encoding"] == "chunked" {
            while let size = Int(try line(), radix: 16), size > 0 {
                answer.body += try take(size)
                _ = try take(2)
            }
            answer.trailers = try self.fields()
        } else if let length = answer["content-length"].flatMap({ Int($0) }) {
            answer.body = try take(length)
        } else {
            answer.body = try rest()
        }
        return answer
    }

    func rest() throws -> [UInt8] {
        while try fill() {}
        defer { buffer = [] }
        return buffer
    }

    private func fields() throws -> [(String, String)] {
        var fields: [(String, String)] = []
        while true {
            let line = try line()
            guard !line.isEmpty else { return fields }
            let parts = line.split(separator: ":", maxSplits: 1)
            fields.append((String(parts[0]), parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""))
        }
    }

    private func line() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                let line = String(decoding: buffer[..<end].filter { $0 != 0x0D }, as: UTF8.self)
                buffer.removeFirst(end + 1)
                return line
            }
            guard try fill() else {
                throw HTTPWire.Failure(message: "closed within a line: \(String(decoding: buffer, as: UTF8.self))")
            }
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count {
            guard try fill() else { throw HTTPWire.Failure(message: "closed after \(buffer.count) of \(count) bytes") }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// False at the end of the stream; a reset is one too.
    private func fill() throws -> Bool {
        var room = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &room, room.count, 0)
        if count < 0 && errno == EAGAIN {
            throw HTTPWire.Failure(message: "nothing came for \(HTTPWire.patience) seconds")
        }
        guard count > 0 else { return false }
        buffer += room[..<count]
        return true
    }
}
