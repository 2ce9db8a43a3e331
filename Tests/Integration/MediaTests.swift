import Core
import Platform
import TestSupport
import Testing

/// JapaneseStudent's media API, as its clients call it.
@Suite(.timeLimit(.minutes(5)))
struct MediaTests {
    private func post(_ type: String, _ file: String, _ server: ServerProcess) async throws -> Answer {
        try await server.call("POST", "/api/v6/media/\(type)", .form(file: file))
    }

    @Test func `a lesson's sound is answered by its address, and heard there by those with a key alone`() async throws {
        let song = try await SampleAudio.file("song.mp3")
        let bytes = try Files.readWhole(song, limit: 1 << 24)
        try await ServerProcess.with { server in
            let answer = try await post("lesson_audio", song, server)
            try #require(answer.status == 200, "\(answer)")
            #expect(answer["Content-Type"]?.hasPrefix("text/plain") == true)
            #expect(answer.text.hasPrefix("\(server.base)/api/v6/media/lesson_audio/"))
            let whole = try await server.call("GET", answer.text)
            #expect(whole.status == 200 && whole.body == bytes)
            #expect(whole["Content-Type"] == "audio/mpeg")
            let part = try await server.call("GET", answer.text, fields: [("Range", "bytes=100-199")])
            #expect(part.status == 206 && part.body == Array(bytes[100..<200]))
            #expect(part["Content-Range"] == "bytes 100-199/\(bytes.count)")
            #expect(try await server.call("GET", answer.text, isAnonymous: true).status == 401)

            let id = try #require(answer.text.split(separator: "/").last?.prefix { $0 != "." })
            let metadata = try await server.call("GET", "/api/v6/media/\(id)")
            #expect(metadata.json["id"]?.string == String(id))
            #expect(metadata.json["contentType"] == "audio/mpeg")
            #expect(metadata.json["size"]?.integer == Int64(bytes.count))
            #expect(metadata.json["url"]?.string == answer.text)
            #expect(metadata.json["type"] == "lesson_audio")
            #expect(try await server.call("GET", "/api/v6/media/\(id)", isAnonymous: true).status == 401)
            #expect(try await server.call("DELETE", "/api/v6/media/\(id)").status == 204)
            #expect(try await server.call("GET", answer.text).status == 404)
        }
    }

    @Test func `a character's sound is anybody's, an infected file nobody's`() async throws {
        let song = try await SampleAudio.file("song.mp3")
        let infected = try await SampleAudio.file("infected.mp3")
        try await ServerProcess.with { server in
            let answer = try await post("character", song, server)
            try #require(answer.status == 200, "\(answer)")
            #expect(try await server.call("GET", answer.text, isAnonymous: true).status == 200)
            let held = try await post("word", infected, server)
            #expect(held.status == 422)
            #expect(held.code == "INFECTED")
            let id = try #require(held["X-Upload-Id"])
            #expect(try await server.call("GET", "/api/v6/media/\(id)").status == 422)
            #expect(try await server.call("GET", "/api/v6/media/word/\(id).mp3").status == 404)
        }
    }
}
