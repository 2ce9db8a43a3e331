import HTTPClient
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A request that fails` {
    private static let short = Duration.milliseconds(100)

    private func kind(
        _ request: ClientRequest, _ client: HTTPClient? = nil
    ) async throws -> ClientFailure.Kind? {
        let client = try client ?? HTTPClient(.init(addresses: .anywhere))
        let failure = await #expect(throws: ClientFailure.self) { try await client.send(request) }
        return failure?.kind
    }

    @Test func `says who was silent, and when`() async throws {
        let mute = try RawServer { $0.waitForEnd() }
        let half = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            connection.waitForEnd()
        }
        var deadlines = ClientRequest.Deadlines.hours
        deadlines.firstByte = Self.short
        #expect(
            try await kind(ClientRequest("GET", mute.url(), deadlines: deadlines)) == .timeout(.firstByte))
        deadlines = .hours
        deadlines.stall = Self.short
        #expect(try await kind(ClientRequest("GET", half.url(), deadlines: deadlines)) == .timeout(.stall))
        deadlines = .hours
        deadlines.whole = Self.short
        #expect(try await kind(ClientRequest("GET", half.url(), deadlines: deadlines)) == .timeout(.whole))
        // A handshake that is never answered is part of connecting.
        deadlines = .hours
        deadlines.connect = Self.short
        #expect(
            try await kind(ClientRequest("GET", mute.url(scheme: "https"), deadlines: deadlines))
                == .timeout(.connect))
    }

    @Test func `says that the server takes no bytes`() async throws {
        let done = try Moment()
        let server = try RawServer { connection in
            _ = connection.head()
            done.waited()
        }
        let body = ClientRequest.Body.bytes([UInt8](repeating: 1, count: 64_000_000))
        let request = ClientRequest("PUT", server.url(), body: body, deadlines: .init(stall: .milliseconds(300)))
        #expect(try await kind(request) == .timeout(.send))
        done.come()
    }

    @Test func `counts the time it waited for a place`() async throws {
        let arrived = try Moment()
        let server = try RawServer { connection in
            if connection.head() != nil { arrived.come() }
            connection.waitForEnd()
        }
        let client = try client(places: 1)
        let first = Task { try await client.send(ClientRequest("GET", server.url())) }
        await arrived.awaited()
        #expect(
            try await kind(ClientRequest("GET", server.url(), deadlines: .init(whole: Self.short)), client)
                == .timeout(.whole))
        first.cancel()
        _ = await first.result
        #expect(server.connections == 1)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + String(repeating: "x", count: 1024),
        "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 70_000) + "\r\n",
        "HTTP/1.1 200 OK\r\n" + String(repeating: "A-Field-Of: some length\r\n", count: 3_000),
    ])
    func `says that the answer is too large`(_ text: String) async throws {
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say(text)
            if text.contains("1001") { connection.say(String(repeating: "x", count: 1001)) }
            connection.waitForEnd()
        }
        #expect(try await kind(ClientRequest("GET", server.url(), responseLimit: 1_000)) == .tooLarge)
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "what?\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
    ])
    func `says that the answer was cut`(_ text: String) async throws {
        let server = try RawServer { connection in
            guard connection.head() != nil else { return }
            connection.say(text)
        }
        let client = try client()
        let failure = await #expect(throws: ClientFailure.self) {
            try await client.send(ClientRequest("GET", server.url()))
        }
        #expect(failure?.kind == .cut && failure?.isPassing == true, "\(failure?.message ?? "")")
    }

    @Test func `says that nobody listens, that no such name is known, or that it is no TLS`() async throws {
        let port = try RawServer { _ in }.port
        #expect(try await kind(ClientRequest("GET", "http://127.0.0.1:\(port)/")) == .connect)
        #expect(try await kind(ClientRequest("GET", "http://nobody.invalid/")) == .unresolved)
        let server = try RawServer { connection in
            connection.say("HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.waitForEnd()
        }
        #expect(try await kind(ClientRequest("GET", server.url(scheme: "https"))) == .tls)
    }

    @Test func `lets go of the connection when its task is cancelled`() async throws {
        let (arrived, gone) = (try Moment(), try Moment())
        let server = try RawServer { connection in
            if connection.head() != nil { arrived.come() }
            connection.waitForEnd()
            gone.come()
        }
        let client = try client()
        let task = Task { try await client.send(ClientRequest("GET", server.url())) }
        await arrived.awaited()
        task.cancel()
        let failure = await #expect(throws: ClientFailure.self) { try await task.value }
        #expect(failure?.kind == .cancelled)
        await gone.awaited()
    }

    @Test func `is never sent when its task was cancelled before`() async throws {
        let server = try RawServer { $0.waitForEnd() }
        let client = try client()
        let kind = await withTaskGroup(of: ClientFailure.Kind?.self) { group in
            group.cancelAll()
            group.addTask {
                do throws(ClientFailure) {
                    _ = try await client.send(ClientRequest("GET", server.url()))
                    return nil
                } catch {
                    return error.kind
                }
            }
            return await group.next() ?? nil
        }
        #expect(kind == .cancelled)
    }

    @Test func `is refused at once when as many run and wait as may`() async throws {
        let (arrived, release) = (try Moment(), try Moment())
        let server = try RawServer { connection in
            while connection.head() != nil {
                arrived.come()
                release.waited()
                connection.say("HTTP/1.1 204 No Content\r\n\r\n")
            }
        }
        let client = try client(places: 1, waiting: 1)
        let request = ClientRequest("GET", server.url())
        // Both have left their request with the client when `immediate` returns.
        let tasks = (0..<2).map { _ in Task.immediate { try await client.send(request) } }
        await arrived.awaited()
        let failure = await #expect(throws: ClientFailure.self) { try await client.send(request) }
        #expect(failure?.kind == .overloaded && failure?.isPassing == true)
        release.come()
        for task in tasks { #expect(try await task.value.status == 204) }
    }

    @Test func `ends with its client, which then takes no more`() async throws {
        let (arrived, gone) = (try Moment(), try Moment())
        let server = try RawServer { connection in
            if connection.head() != nil { arrived.come() }
            connection.waitForEnd()
            gone.come()
        }
        let client = try client(places: 1)
        let request = ClientRequest("GET", server.url())
        let tasks = (0..<3).map { _ in Task.immediate { try await client.send(request) } }
        await arrived.awaited()
        await client.shutDown()
        for task in tasks {
            let failure = await #expect(throws: ClientFailure.self) { try await task.value }
            #expect(failure?.kind == .cancelled)
        }
        await gone.awaited()
        #expect(try await kind(request, client) == .cancelled)
        await client.shutDown()
    }
}
