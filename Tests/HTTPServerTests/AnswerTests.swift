import HTTPServer
import Platform
import TestSupport
import Testing

/// What holds in memory and over a socket alike.
@Suite(.timeLimit(.minutes(5))) struct `An answer` {
    enum Transport: CaseIterable, Sendable { case memory, socket }

    private func with(_ transport: Transport, _ body: (any HTTPTestClient) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let site = try Site(folder)
            switch transport {
            case .memory: try await body(HTTPMemoryClient(site))
            case .socket: try await withHTTPServer(site) { _, address in try await body(HTTPSocketClient(address)) }
            }
        }
    }

    @Test(arguments: Transport.allCases) func `to GET and to HEAD has the same fields`(transport: Transport)
        async throws
    {
        try await with(transport) { client in
            for target in ["/hello", "/file"] {
                let whole = try await client.get(target)
                let head = try await client.head(target)
                #expect(whole.status == 200)
                #expect(!whole.body.isEmpty)
                #expect(head.body.isEmpty)
                let ours: (HTTPTestAnswer) -> [String] = { answer in
                    answer.fields.filter { !["Date", "X-Request-Id"].contains($0.0) }.map { "\($0): \($1)" }
                }
                #expect(ours(head) == ours(whole))
            }
        }
    }

    @Test(arguments: Transport.allCases) func `to a range is that part of the file`(transport: Transport) async throws {
        try await with(transport) { client in
            let whole = try await client.get("/file")
            #expect(whole.body.count == 100_000)
            #expect(whole["etag"] == "\"tag\"")
            let part = try await client.get("/file", fields: [("Range", "bytes=10-19")])
            #expect(part.status == 206)
            #expect(part.body == Array(whole.body[10..<20]))
            #expect(part["content-range"] == "bytes 10-19/100000")
            let past = try await client.get("/file", fields: [("Range", "bytes=100000-")])
            #expect(past.status == 416)
            #expect(past["content-range"] == "bytes */100000")
            #expect(past.body.isEmpty)
            let changed = try await client.get("/file", fields: [("Range", "bytes=10-19"), ("If-Range", "\"other\"")])
            #expect(changed.status == 200)
            #expect(changed.body == whole.body)
            let same = try await client.get("/file", fields: [("Range", "bytes=10-19"), ("If-Range", "\"tag\"")])
            #expect(same.status == 206)
            let head = try await client.head("/file", fields: [("Range", "bytes=10-19")])
            #expect(head.status == 200)
        }
    }

    @Test(arguments: Transport.allCases) func `is 304 for who has it already`(transport: Transport) async throws {
        try await with(transport) { client in
            let fresh = try await client.get(
                "/file", fields: [("If-None-Match", "\"a\", W/\"tag\""), ("Range", "bytes=0-1")])
            #expect(fresh.status == 304)
            #expect(fresh.body.isEmpty)
            #expect(fresh["etag"] == "\"tag\"")
            #expect(fresh["cache-control"] == "public")
            #expect(fresh["content-length"] == nil)
        }
    }

    @Test(arguments: Transport.allCases) func `takes and gives bodies whole`(transport: Transport) async throws {
        try await with(transport) { client in
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let answer = try await client.post("/echo", body: bytes)
            #expect(answer.status == 200)
            #expect(answer.body == bytes)
            #expect(try await client.post("/echo", body: []).body.isEmpty)
        }
    }

    @Test(arguments: Transport.allCases) func `may be a stream with trailers`(transport: Transport) async throws {
        try await with(transport) { client in
            let answer = try await client.get("/stream")
            #expect(answer.text.hasPrefix("one x"))
            #expect(answer.body.count == 100_004)
            #expect(answer.trailers.map { "\($0): \($1)" } == ["Checksum: abc"])
            #expect(try await client.head("/stream").body.isEmpty)
        }
    }

    @Test(arguments: Transport.allCases) func `may be written piece by piece to an announced length`(
        transport: Transport
    ) async throws {
        try await with(transport) { client in
            let answer = try await client.get("/counted/7")
            #expect(answer.text == "one two")
            #expect(answer.trailers.isEmpty)
            #expect(try await client.head("/counted/7").body.isEmpty)
            #expect(try await client.get("/counted/7").text == "one two", "and the connection goes on")
        }
    }

    @Test(arguments: Transport.allCases) func `to what is not there, or not allowed, says so`(transport: Transport)
        async throws
    {
        try await with(transport) { client in
            #expect(try await client.get("/nowhere").status == 404)
            let answer = try await client.post("/hello", body: [])
            #expect(answer.status == 405)
            #expect(answer["allow"] == "GET, HEAD, OPTIONS")
        }
    }

    @Test func `carries the request's id, or one that was made`() async throws {
        try await with(.socket) { client in
            let given = try await client.get("/peer", fields: [("X-Request-Id", "my-id_1")])
            #expect(given["x-request-id"] == "my-id_1")
            #expect(given.text.hasPrefix("127.0.0.1 127.0.0.1:"))
            #expect(given.text.hasSuffix(" my-id_1"))
            let bad = try await client.get("/peer", fields: [("X-Request-Id", "not an id")])
            #expect(bad["x-request-id"]?.count == 11)
            let other = try await client.get("/peer")
            #expect(other["x-request-id"] != bad["x-request-id"])
        }
    }
}
