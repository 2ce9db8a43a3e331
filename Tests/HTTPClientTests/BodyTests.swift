import HTTPClient
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A body that is written while it is sent` {
    private static let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }

    private final class Count: Sendable {
        private let count = Atomic(0)
        var value: Int { count.load(ordering: .relaxed) }
        func add(_ more: Int) { count.add(more, ordering: .relaxed) }
    }

    private static func length(_ head: String) -> Int? {
        head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length: ") }
            .flatMap { Int($0.dropFirst(16)) }
    }

    @Test func `arrives whole, and its writer gets no further than the server lets it`() async throws {
        let (go, stuck) = (try Moment(), try Moment())
        let got = Mutex<[UInt8]>([])
        let server = try RawServer { connection in
            guard let head = connection.head(), let count = Self.length(head) else { return }
            stuck.come()
            go.waited()
            let body = connection.body(count)
            got.withLock { $0 = body }
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
        let client = try client()
        let count = 15_000_000
        let body = ClientBody(count: Int64(count), buffer: 100_000)
        let request = ClientRequest("PUT", server.url(), body: .stream(body), deadlines: .hours)
        let answer = Task { try await client.send(request) }
        let written = Count()
        let piece = Self.bytes
        try await withThrowingTaskGroup { group in
            group.addTask {
                for _ in 0..<count / piece.count {
                    try await body.write(piece)
                    written.add(piece.count)
                }
                body.finish()
            }
            group.addTask {
                await stuck.awaited()
                // What the kernel holds for a connection is less than that.
                #expect(written.value < count * 3 / 4)
                go.come()
            }
            try await group.waitForAll()
        }
        #expect(try await answer.value.body == Array("ok".utf8))
        let isWhole = got.withLock { got in
            got.count == count
                && stride(from: 0, to: count, by: piece.count).allSatisfy { got[$0..<$0 + 50_000].elementsEqual(piece) }
        }
        #expect(isWhole)
    }

    @Test func `goes out in chunks where its length is not known before`() async throws {
        let got = Mutex("")
        let server = try RawServer { connection in
            guard let head = connection.head() else { return }
            var all = head + "\n"
            while !all.hasSuffix("0\r\n\r\n") {
                let more = connection.body(1)
                guard !more.isEmpty else { return }
                all += String(decoding: more, as: UTF8.self)
            }
            got.withLock { $0 = all }
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        let client = try client()
        let body = ClientBody(count: nil)
        let answer = Task { try await client.send(ClientRequest("PUT", server.url(), body: .stream(body))) }
        try await body.write(Array("first".utf8))
        try await body.write(Array("second".utf8))
        body.finish()
        #expect(try await answer.value.status == 200)
        let said = got.withLock(\.self)
        #expect(said.lowercased().contains("transfer-encoding: chunked") && said.contains("first"))
        #expect(said.hasSuffix("\r\n0\r\n\r\n"))
    }

    @Test func `may take longer than a silent server may`() async throws {
        let now = Mutex(Deadline.now)
        let client = try client(clock: { now.withLock(\.self) })
        let half = try Moment()
        let server = try RawServer { connection in
            while let head = connection.head() {
                guard let count = Self.length(head) else {
                    connection.say("HTTP/1.1 204 No Content\r\n\r\n")
                    continue
                }
                let first = connection.body(2)
                half.come()
                let body = first + connection.body(count - 2)
                connection.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
                connection.say(body)
            }
        }
        let body = ClientBody(count: 4)
        var deadlines = ClientRequest.Deadlines.hours
        deadlines.stall = .milliseconds(100)
        let request = ClientRequest("PUT", server.url(), body: .stream(body), deadlines: deadlines)
        let answer = Task { try await client.send(request) }
        try await body.write([1, 2])
        await half.awaited()
        for _ in 0..<3 {
            now.withLock { $0 = $0 + .seconds(1) }
            // While the client runs another request, it looks at the deadlines of this one.
            #expect(try await client.send(ClientRequest("GET", server.url(), deadlines: .hours)).status == 204)
        }
        try await body.write([3, 4])
        body.finish()
        #expect(try await answer.value.body == [1, 2, 3, 4])
    }

    @Test func `that ends early, late or not at all is no success`() async throws {
        let server = try RawServer { connection in
            _ = connection.head()
            connection.waitForEnd()
        }
        let client = try client()
        let endings: [@Sendable (ClientBody) async throws -> Void] = [
            { body in body.finish() }, { body in body.fail() }, { body in try await body.write([1, 2, 3, 4, 5, 6]) },
        ]
        for end in endings {
            let body = ClientBody(count: 5)
            let answer = Task { try await client.send(ClientRequest("PUT", server.url(), body: .stream(body))) }
            try await body.write([1, 2])
            // Whether the writer hears of it before it is done is a race that means nothing.
            try? await end(body)
            let failure = await #expect(throws: ClientFailure.self) { try await answer.value }
            #expect(failure?.kind == .body)
        }
    }

    @Test func `is not waited for by its writer once the request is over`() async throws {
        let server = try RawServer { connection in
            _ = connection.head()
            connection.say("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        let client = try client()
        let body = ClientBody(count: 1 << 30, buffer: 1000)
        let answer = Task { try await client.send(ClientRequest("PUT", server.url(), body: .stream(body))) }
        await #expect(throws: ClientFailure.self) {
            while true { try await body.write([UInt8](repeating: 1, count: 5000)) }
        }
        // Either the refusal was heard, or the connection was cut while the body still came.
        _ = try? await answer.value
        let late = ClientBody(count: 1)
        await client.shutDown()
        await #expect(throws: ClientFailure.self) {
            try await client.send(ClientRequest("PUT", server.url(), body: .stream(late)))
        }
        await #expect(throws: ClientFailure.self) { try await late.write([1]) }
    }
}
