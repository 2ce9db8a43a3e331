import HTTPClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A streamed answer` {
    @Test func `is read while the server still speaks`() async throws {
        let heard = try Moment()
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say("HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            heard.waited()
            connection.say("6\r\nsecond\r\n0\r\n\r\n")
        }
        let stream = try await client().stream(ClientRequest("GET", server.url()))
        #expect(stream.status == 200 && stream.fields["x-a"] == "b")
        #expect(try await stream.next() == Array("first".utf8))
        heard.come()
        #expect(try await stream.next() == Array("second".utf8))
        #expect(try await stream.next() == nil)
        #expect(try await stream.next() == nil)
    }

    @Test func `holds little however long it is, and loses nothing`() async throws {
        let bytes = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: \(bytes.count)\r\n\r\n")
            connection.say(bytes)
            connection.waitForEnd()
        }
        let stream = try await client().stream(ClientRequest("GET", server.url()), buffer: 50_000)
        var all: [UInt8] = []
        while let part = try await stream.next() {
            #expect(!part.isEmpty && part.count <= 50_000 + 65_536)
            all += part
        }
        #expect(all == bytes)
    }

    @Test func `that is cut gives what came, and then says so`() async throws {
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        }
        let stream = try await client().stream(ClientRequest("GET", server.url()))
        #expect(try await stream.next() == Array("half".utf8))
        let failure = await #expect(throws: ClientFailure.self) { try await stream.next() }
        #expect(failure?.kind == .cut)
    }

    @Test func `that falls silent is given up, but not while its reader is the slow one`() async throws {
        let (full, gone) = (try Moment(), try Moment())
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            // In one piece, so that the reader is the slow one from the first byte on.
            let head = Array("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n".utf8)
            connection.say(head + [UInt8](repeating: 1, count: 300_000))
            full.come()
            connection.waitForEnd()
            gone.come()
        }
        let request = ClientRequest("GET", server.url(), deadlines: .init(stall: .milliseconds(100), whole: nil))
        let stream = try await client().stream(request, buffer: 1_000)
        await full.awaited()
        var count = 0
        let failure = await #expect(throws: ClientFailure.self) {
            while let part = try await stream.next() { count += part.count }
        }
        #expect(failure?.kind == .timeout(.stall) && count == 300_000)
        await gone.awaited()
    }

    @Test func `that nobody wants any more ends its connection`() async throws {
        let gone = try Moment()
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.waitForEnd()
            gone.come()
        }
        let client = try client()
        let patient = ClientRequest.Deadlines(stall: .seconds(3600), whole: nil)
        _ = try await client.stream(ClientRequest("GET", server.url(), deadlines: patient))
        await gone.awaited()
        await client.shutDown()
    }

    @Test func `ends for a reader whose task is cancelled`() async throws {
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.waitForEnd()
        }
        let stream = try await client().stream(ClientRequest("GET", server.url()))
        let task = Task.immediate { try await stream.next() }
        task.cancel()
        let failure = await #expect(throws: ClientFailure.self) { try await task.value }
        #expect(failure?.kind == .cancelled)
    }
}
