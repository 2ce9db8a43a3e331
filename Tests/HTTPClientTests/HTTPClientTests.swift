import Glibc
import HTTPClient
import Platform
import Synchronization
import TestSupport
import Testing

func client(
    _ addresses: AddressPolicy = .anywhere, places: Int = 64, waiting: Int = 1024,
    clock: @escaping @Sendable () -> Deadline = { .now }
) throws -> HTTPClient {
    try HTTPClient(.init(addresses: addresses, places: places, waiting: waiting, clock: clock))
}

extension ClientRequest.Deadlines {
    /// For tests in which only one deadline may pass, or none: they set that one.
    static let hours = Self(
        connect: .seconds(3600), firstByte: .seconds(3600), stall: .seconds(3600), whole: .seconds(3600))
}

@Suite(.timeLimit(.minutes(5))) struct `An HTTP client` {
    @Test func `sends what it was given, and gives back what came`() async throws {
        let heads = Mutex<[String]>([])
        let server = try RawServer { connection in
            while let head = connection.head() {
                heads.withLock { $0.append(head) }
                _ = connection.body(5)
                connection.say("HTTP/1.1 201 Created\r\nX-One: 1\r\nX-Two:\r\nContent-Length: 3\r\n\r\nyes")
            }
        }
        let client = try client()
        let answer = try await client.send(
            ClientRequest(
                "PATCH", server.url("/a/../b?c=d"), fields: [("X-Key", "k"), ("X-Empty", "")],
                body: .bytes(Array("12345".utf8))))
        #expect(answer.status == 201 && answer.body == Array("yes".utf8))
        #expect(answer.fields["x-one"] == "1" && answer.fields["X-TWO"] == "" && answer.fields["X-Three"] == nil)
        let seen = heads.withLock(\.self)
        let head = try #require(seen.first)
        let lines = head.split(separator: "\r\n")
        #expect(lines.first == "PATCH /a/../b?c=d HTTP/1.1")
        #expect(lines.contains("X-Key: k") && lines.contains("X-Empty:") && lines.contains("Content-Length: 5"))
        #expect(!head.contains("Expect") && !head.contains("Content-Type") && !head.contains("chunked"))
    }

    @Test func `uses a connection again`() async throws {
        let server = try RawServer { connection in
            while connection.head() != nil { connection.say("HTTP/1.1 204 No Content\r\n\r\n") }
        }
        let client = try client()
        for method in ["GET", "DELETE", "HEAD", "POST", "GET"] {
            #expect(try await client.send(ClientRequest(method, server.url())).status == 204)
        }
        #expect(server.connections == 1)
    }

    @Test func `sends a body again from its start when a kept connection proves dead`() async throws {
        let server = try RawServer { connection in
            // Every connection serves one request and goes away without having said so.
            guard connection.head() != nil else { return }
            let body = connection.body(40)
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
            connection.say(body)
        }
        let client = try client()
        let body = [UInt8](0..<40)
        for _ in 0..<20 {
            #expect(try await client.send(ClientRequest("PUT", server.url(), body: .bytes(body))).body == body)
        }
    }

    @Test func `sends a part of a file and says how far it is`() async throws {
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let file = try FileDescriptor.memory(named: "body")
        try file.append(bytes)
        let range: Range<Int64> = 1_000..<2_900_000
        let server = try RawServer { connection in
            guard let head = connection.head() else { return }
            // libcurl asks first for a body of this length.
            if head.contains("Expect: 100-continue") { connection.say("HTTP/1.1 100 Continue\r\n\r\n") }
            let isRight = connection.body(range.count) == Array(bytes[1_000..<2_900_000])
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\(isRight ? "ok" : "no")")
        }
        let client = try client()
        let told = Mutex<[Int64]>([])
        let answer = try await client.send(
            ClientRequest(
                "PUT", server.url(), body: .file(SharedDescriptor(file), range),
                onProgress: { count in told.withLock { $0.append(count) } }))
        #expect(answer.body == Array("ok".utf8))
        let progress = told.withLock(\.self)
        #expect(progress == progress.sorted() && progress.last == Int64(range.count))
    }

    @Test func `says so when the file is shorter than promised`() async throws {
        let server = try RawServer { connection in
            while connection.head() != nil { connection.waitForEnd() }
        }
        let file = try FileDescriptor.memory(named: "short")
        try file.append([1, 2, 3])
        let request = ClientRequest("PUT", server.url(), body: .file(SharedDescriptor(file), 0..<10))
        let client = try client()
        let failure = await #expect(throws: ClientFailure.self) { try await client.send(request) }
        #expect(failure?.kind == .body && failure?.isPassing == false)
    }

    @Test func `forgets interim answers and follows no redirect`() async throws {
        let server = try RawServer { connection in
            while connection.head() != nil {
                connection.say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
                connection.say("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let client = try client()
        let answer = try await client.send(ClientRequest("GET", server.url()))
        #expect(answer.status == 302 && answer.fields["Location"] == "/b" && answer.fields["Link"] == nil)
    }

    @Test func `hears a refusal that comes before the body is sent`() async throws {
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            connection.waitForEnd()
        }
        let client = try client()
        let body = [UInt8](repeating: 7, count: 4_000_000)
        #expect(try await client.send(ClientRequest("PUT", server.url(), body: .bytes(body))).status == 413)
    }

    @Test func `answers many more requests than it has places, each with its own answer`() async throws {
        let server = try RawServer { connection in
            while let head = connection.head() {
                let path = head.split(separator: " ")[1]
                connection.say("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
            }
        }
        let client = try client(places: 4)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<300 {
                group.addTask {
                    let answer = try await client.send(ClientRequest("GET", server.url("/\(index)")))
                    #expect(answer.body == Array("/\(index)".utf8))
                }
            }
            try await group.waitForAll()
        }
        #expect(server.connections <= 4)
    }

    @Test(arguments: [
        ("GET", "file:///etc/passwd"), ("GET", "ftp://127.0.0.1/"), ("GET", "http://a:b@127.0.0.1/"), ("GET", ""),
        ("GET", "http://127.0.0.1/\r\nX: y"), ("GET", "http://127.0.0.1/a b"), ("G T", "http://127.0.0.1/"),
        ("GET", "http:///"), ("GET", "/v1"), ("GET", "http://127.0.0.1:99999/"),
    ])
    func `does not send what is no request`(_ method: String, _ url: String) async throws {
        let client = try client()
        let failure = await #expect(throws: ClientFailure.self) { try await client.send(ClientRequest(method, url)) }
        #expect(failure?.kind == .invalid && failure?.isPassing == false)
    }

    @Test(arguments: [("X-A", "b\r\nX-C: d"), ("X-A", "b\nc"), ("X A", "b"), ("", "b"), ("X-A", "\0")])
    func `lets no field write another`(_ name: String, _ value: String) async throws {
        let client = try client()
        let request = ClientRequest("GET", "http://127.0.0.1:1/", fields: [(name, value)])
        let failure = await #expect(throws: ClientFailure.self) { try await client.send(request) }
        #expect(failure?.kind == .invalid)
    }

    @Test func `takes no proxy from the environment`() async throws {
        await #expect(processExitsWith: .success) {
            setenv("http_proxy", "http://127.0.0.1:1", 1)
            setenv("ALL_PROXY", "http://127.0.0.1:1", 1)
            let server = try RawServer { connection in
                while connection.head() != nil { connection.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
            }
            let client = try HTTPClient(.init(addresses: .anywhere))
            let answer = try await client.send(ClientRequest("GET", server.url()))
            exit(answer.status == 200 ? 0 : 1)
        }
    }
}
