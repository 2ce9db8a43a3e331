import HTTPServer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A server that drains` {
    private func with(_ body: (HTTPWire, Site, HTTPServer, String) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let site = try Site(folder)
            try await withHTTPServer(site) { server, address in
                try await body(try HTTPWire(address), site, server, address)
            }
        }
    }

    @Test func `closes what is idle and finishes what is in flight`() async throws {
        try await with { wire, site, server, address in
            let idle = try HTTPWire(address)
            try await idle.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await idle.answer().text == "hello")
            try await wire.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            await site.signals.entered.wait()
            async let drained: Void = server.drain(within: .seconds(3600))
            #expect(try await idle.rest().isEmpty)
            site.signals.left.raise()
            let answer = try await wire.answer()
            #expect(answer.text == "waited")
            #expect(answer["connection"] == "close")
            await drained
            #expect(throws: (any Error).self) { try HTTPWire(address) }
        }
    }

    @Test func `cuts what does not end in time`() async throws {
        try await with { wire, site, server, _ in
            try await wire.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
            await site.signals.entered.wait()
            await server.drain(within: .milliseconds(10))
            await site.signals.left.wait()
        }
    }

    @Test func `ends its run`() async throws {
        try await with { _, _, server, _ in
            async let running: Void = server.run()
            await server.drain(within: .zero)
            await running
        }
    }

    @Test func `refuses to start where somebody listens already`() async throws {
        try await with { _, site, _, address in
            var configuration = ServerConfiguration(listen: address)
            configuration.reactors = 1
            #expect(throws: (any Error).self) { try HTTPServer(configuration, responder: site).start() }
        }
    }
}
