import Core
import Platform
import TestSupport
import Testing

/// What is refused, held back or failed, and that nothing of it is left where it could be heard.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct RefusalTests {
    private func files(below folder: String) throws -> [String] {
        guard Files.exists(folder) else { return [] }
        return try Files.list(folder).flatMap { name in
            let path = "\(folder)/\(name)"
            return Files.isFolder(path) ? try files(below: path) : [path]
        }
    }

    @Test func `a virus behind ID3 tags is held back, and the store holds none of its bytes`() async throws {
        let infected = try await SampleAudio.file("infected.mp3")
        try await ServerProcess.with { server in
            let track = try await server.uploadSimple(infected)
            let state = try await server.settled(track)
            #expect(state["state"]?.string == "quarantined", "\(state.text)")
            #expect(state["error"]?["code"]?.string == "INFECTED")
            #expect(state["scan"]?["database"]?.string == "test")
            #expect(try files(below: server.data + "/blobs") == [])
            let link = try await server.call("POST", "/v1/tracks/\(track)/playback", .json([:]))
            #expect(link.status == 422)
            #expect(link.code == "INFECTED")
            let token = TestToken.sign(
                [
                    "aud": "playback", "track": .string(track), "tenant": "default",
                    "exp": .integer(SystemTime().now.seconds + 600),
                ], secret: ServerProcess.secret)
            let stream = try await server.call("GET", "/stream/\(token)/\(track)/index.m3u8", isAnonymous: true)
            #expect(stream.status == 404, "\(stream)")
        }
    }

    @Test func `text named mp3 is refused, and nothing of it stays`() async throws {
        let text = try await SampleAudio.file("text.mp3")
        try await ServerProcess.with { server in
            let answer = try await server.call("POST", "/v1/uploads/simple?filename=text.mp3", .file(text))
            #expect(answer.status == 415)
            #expect(answer.code == "UNSUPPORTED_FORMAT")
            #expect(try files(below: server.data + "/blobs") == [])
            #expect(try files(below: server.data + "/spool") == [])
        }
    }

    @Test func `a truncated FLAC fails as corrupt, with a sentence`() async throws {
        let truncated = try await SampleAudio.file("truncated.flac")
        try await ServerProcess.with { server in
            let state = try await server.settled(server.uploadSimple(truncated))
            #expect(state["state"]?.string == "failed", "\(state.text)")
            #expect(state["error"]?["code"]?.string == "CORRUPT_MEDIA")
            #expect(state["error"]?["message"]?.string?.isEmpty == false)
        }
    }

    @Test func `who has no right key is 401, what is not there is 404, what is another's too`() async throws {
        let source = try await SampleAudio.file("song.flac")
        try await ServerProcess.with { server in
            let path = "/v1/tracks/trk_0000000000000000000000"
            #expect(try await server.call("GET", path, isAnonymous: true).status == 401)
            let wrong = [("X-API-Key", "slk_live_" + String(repeating: "0", count: 48))]
            #expect(try await server.call("GET", path, fields: wrong).status == 401)
            let forged = TestToken.access(secret: "another-secret-of-more-than-32-bytes")
            #expect(try await server.call("GET", path, token: forged).status == 401)
            let unknown = try await server.call("GET", path)
            #expect(unknown.status == 404)
            #expect(unknown.code == "NOT_FOUND")
            #expect(unknown.json["requestId"]?.string?.isEmpty == false)

            let track = try await server.uploadSimple(source)
            let other = TestToken.access(tenant: "other", secret: ServerProcess.secret)
            #expect(try await server.call("GET", "/v1/tracks/\(track)", token: other).status == 404)
            _ = try await server.settled(track)
            #expect(
                try await server.call("POST", "/v1/tracks/\(track)/playback", .json([:]), token: other).status == 404)
        }
    }

    @Test func `a method that an address lacks is 405 and names those it has`() async throws {
        try await ServerProcess.with { server in
            let answer = try await server.call("PATCH", "/v1/uploads/simple")
            #expect(answer.status == 405)
            #expect(answer["Allow"]?.contains("POST") == true)
        }
    }
}
