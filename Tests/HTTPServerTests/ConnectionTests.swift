@testable import HTTPServer
import Synchronization
import TestSupport
import Testing

/// What only the wire shows.
@Suite(.timeLimit(.minutes(5))) struct `A connection` {
    private func with(
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (HTTPWire, Site, HTTPServer, String) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let site = try Site(folder)
            try await withHTTPServer(site, change) { server, address in
                try await body(try HTTPWire(address), site, server, address)
            }
        }
    }

    @Test func `answers pipelined requests in their order, quick and ordinary ones mixed`() async throws {
        try await with { wire, _, _, _ in
            let asked = ["/hello", "/quick", "/file", "/quick", "/quick", "/hello"]
            let rounds = 10
            let head = asked.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
            try await wire.send(String(repeating: head, count: rounds))
            for _ in 0..<rounds {
                for path in asked {
                    let answer = try await wire.answer()
                    #expect(answer.body.count == (path == "/hello" ? 5 : 100_000))
                }
            }
        }
    }

    @Test func `gives a quick answer the fields of the ordinary one`() async throws {
        try await with { wire, _, _, _ in
            try await wire.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\nGET /file HTTP/1.1\r\nHost: a\r\n\r\n")
            let quick = try await wire.answer()
            let ordinary = try await wire.answer()
            #expect(quick.body == ordinary.body)
            let names: (HTTPTestAnswer) -> Set<String> = { answer in
                Set(answer.fields.filter { !["Date", "X-Request-Id"].contains($0.0) }.map { "\($0): \($1)" })
            }
            #expect(names(quick) == names(ordinary))
            try await wire.send("HEAD /quick HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await wire.answer(toHead: true)["content-length"] == "100000")
            #expect(try await wire.answer().text == "hello")
        }
    }

    @Test func `takes a head byte by byte`() async throws {
        try await with { wire, _, _, _ in
            for byte in "\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n".utf8 { try await wire.send([byte]) }
            #expect(try await wire.answer().text == "hello")
        }
    }

    @Test func `takes chunks with trailers, and the next request behind them`() async throws {
        try await with { wire, _, _, _ in
            try await wire.send(
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n"
                    + "Checksum: abc\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            let answer = try await wire.answer()
            #expect(answer.text == "hello world")
            #expect(answer["x-trailer"] == "abc")
            #expect(try await wire.answer().text == "hello")
        }
    }

    @Test func `refuses what is ambiguous, and closes`() async throws {
        let bad = [
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: a\r\nX: y\n\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n",
        ]
        for text in bad {
            try await with { wire, _, _, _ in
                try await wire.send(text + "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
                let answer = try await wire.answer()
                #expect(answer.status == 400)
                #expect(answer["connection"] == "close")
                #expect(answer.text.contains("INVALID_REQUEST"))
                #expect(try await wire.rest().isEmpty)
            }
        }
    }

    @Test func `ends with a body whose chunks are broken`() async throws {
        try await with { wire, site, _, _ in
            try await wire.send(
                "POST /take HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nGET / HTTP/1.1\r\n\r\n")
            let answer = try await wire.answer()
            #expect(answer.text == "malformed")
            #expect(answer["connection"] == "close")
            #expect(try await wire.rest().isEmpty)
            _ = site
        }
    }

    @Test func `reads a body in chunks of one byte`() async throws {
        try await with { wire, _, _, _ in
            let count = 50_000
            try await wire.send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            try await wire.send(String(repeating: "1\r\nx\r\n", count: count) + "0\r\n\r\n")
            #expect(try await wire.answer().text == "\(count)")
        }
    }

    @Test func `answers what is no request at once, and closes`() async throws {
        for (bytes, status) in [
            (Array("GET /\r\n".utf8), 400), ([0x16, 0x03, 0x01, 0x02, 0x00], 400),
            (Array("GET / HTTP/2.0\r\n".utf8), 505),
        ] {
            // The head's deadline is not what ends it.
            try await with({ $0.headTimeout = .seconds(3_600) }) { wire, _, _, _ in
                try await wire.send(bytes)
                #expect(try await wire.answer().status == status)
                #expect(try await wire.rest().isEmpty)
            }
        }
    }

    /// A task keeps its largest frames until it ends: 7 to 11 KiB a connection.
    @Test(arguments: ["/hello", "/quick", "/file", "/nothing"])
    func `has no task while it waits for a request`(path: String) async throws {
        try await with { wire, _, server, _ in
            for _ in 0..<3 {
                try await wire.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try await wire.answer()
                #expect(await server.busyConnections == 0)
            }
        }
    }

    @Test func `sends 100 only when the body is read`() async throws {
        try await with { wire, _, _, _ in
            let head = "HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            try await wire.send("POST /echo \(head)")
            #expect(try await wire.answer().status == 100)
            try await wire.send("hello")
            #expect(try await wire.answer().text == "hello")
            // Nobody reads this one: the answer comes at once, and the connection ends, for its body may come or not.
            try await wire.send("POST /ignore \(head)")
            let answer = try await wire.answer()
            #expect(answer.status == 200)
            #expect(answer["connection"] == "close")
            #expect(try await wire.rest().isEmpty)
        }
    }

    @Test func `sends interim responses before the final one`() async throws {
        try await with { wire, _, _, _ in
            try await wire.send("POST /interim HTTP/1.1\r\nHost: a\r\n\r\n")
            let interim = try await wire.answer()
            #expect(interim.status == 104)
            #expect(interim["upload-offset"] == "5")
            #expect(try await wire.answer().text == "done")
        }
    }

    @Test func `reads a small body away that nobody wanted, and ends with a large one`() async throws {
        try await with({ $0.drainedBody = 1000 }) { wire, _, _, _ in
            let body = String(repeating: "x", count: 900)
            try await wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n\(body)")
            let kept = try await wire.answer()
            #expect(kept.text == "ignored")
            #expect(kept["connection"] == nil)
            try await wire.send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n\(body)")
            let last = try await wire.answer()
            #expect(last.text == "ignored")
            #expect(last["connection"] == "close")
        }
    }

    @Test func `refuses a body past the limit before it is sent`() async throws {
        try await with({ $0.maximumBody = 10 }) { wire, _, _, _ in
            try await wire.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
            #expect(try await wire.answer().status == 413)
        }
    }

    @Test func `speaks HTTP 1.0`() async throws {
        try await with { wire, _, _, address in
            try await wire.send("GET /stream HTTP/1.0\r\n\r\n")
            let stream = try await wire.answer()
            #expect(stream["transfer-encoding"] == nil)
            #expect(stream.body.count == 100_004)
            let other = try HTTPWire(address)
            try await other.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try await other.answer()["connection"] == "keep-alive")
            try await other.send("GET /hello HTTP/1.0\r\n\r\n")
            #expect(try await other.answer().text == "hello")
            #expect(try await other.rest().isEmpty)
        }
    }

    @Test func `answers a client that has said all it will say`() async throws {
        try await with { wire, _, _, _ in
            try await wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /quick HTTP/1.1\r\nHost: a\r\n\r\n")
            wire.finish()
            #expect(try await wire.answer().text == "hello")
            #expect(try await wire.answer().body.count == 100_000)
            #expect(try await wire.rest().isEmpty)
        }
    }

    @Test func `cuts a stream that fails, so that nobody takes it for whole`() async throws {
        try await with { wire, _, _, _ in
            try await wire.send("GET /broken-stream HTTP/1.1\r\nHost: a\r\n\r\n")
            let bytes = try await wire.rest()
            #expect(String(decoding: bytes, as: UTF8.self).hasSuffix("3\r\none\r\n"))
        }
    }

    @Test func `ends where an answer is shorter or longer than was announced`() async throws {
        for (count, heard) in [("9", "one two"), ("5", "one ")] {
            try await with { wire, _, _, _ in
                try await wire.send("GET /counted/\(count) HTTP/1.1\r\nHost: a\r\n\r\n")
                let text = String(decoding: try await wire.rest(), as: UTF8.self)
                #expect(text.contains("Content-Length: \(count)\r\n"))
                #expect(text.hasSuffix("\r\n\r\n" + heard))
            }
        }
    }

    @Test func `of which there are too many is told 503`() async throws {
        try await with({ $0.maximumConnections = 1 }) { wire, _, _, address in
            try await wire.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await wire.answer().status == 200)
            let second = try HTTPWire(address)
            #expect(try await second.answer().status == 503)
            #expect(try await second.rest().isEmpty)
            try await wire.send("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(try await wire.answer()["connection"] == "close")
            #expect(try await wire.rest().isEmpty)
        }
    }

    @Test func `whose head takes too long is told 408, and an idle one is closed`() async throws {
        try await with({ $0.headTimeout = .milliseconds(50) }) { wire, _, _, _ in
            try await wire.send("GET /hello HTTP/1.1\r\n")
            #expect(try await wire.answer().status == 408)
        }
        try await with({ $0.idleTimeout = .milliseconds(50) }) { wire, _, _, _ in
            let rest = try await wire.rest()
            #expect(rest.isEmpty)
        }
    }

    @Test func `whose body stands still is ended`() async throws {
        try await with({ $0.stallTimeout = .milliseconds(50) }) { wire, _, _, _ in
            try await wire.send("POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            let answer = try await wire.answer()
            #expect(answer.text == "tooSlow")
            #expect(answer.status == 408)
        }
    }

    @Test func `whose body trickles is given its grace, and is then judged by its average`() {
        var body = BodyReader(ParsedHead())
        (body.received, body.waited) = (30, 30_000)
        #expect(body.slowness(grace: 30_000, least: 128) == nil)
        (body.received, body.waited) = (31, 31_000)
        #expect(body.slowness(grace: 30_000, least: 128) != nil)
        body.received = 31 * 128
        #expect(body.slowness(grace: 30_000, least: 128) == nil)
    }

    @Test func `whose peer leaves cancels what is done for it`() async throws {
        try await with { wire, site, _, _ in
            try await wire.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
            await site.signals.entered.wait()
            wire.leave()
            await site.signals.left.wait()
        }
    }

    @Test func `whose peer leaves within a body cuts the body`() async throws {
        try await with { wire, site, _, _ in
            try await wire.send("POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            await site.signals.entered.wait()
            wire.leave()
            await site.signals.left.wait()
        }
    }

    @Test func `that hangs within a body is ended by another request`() async throws {
        try await with { wire, site, _, _ in
            try await wire.send("POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            await site.signals.entered.wait()
            site.signals.body.withLock { $0 }?.cancel()
            let answer = try await wire.answer()
            #expect(answer.text == "cancelled")
            #expect(answer["connection"] == "close")
        }
    }

    @Test func `gives nothing of a body that was cancelled, also of what is here`() async throws {
        try await with { wire, _, _, _ in
            try await wire.send("POST /cancel-first HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            #expect(try await wire.answer().text == "cancelled")
        }
    }
}
