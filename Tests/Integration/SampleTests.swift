import Platform
import TestSupport
import Testing

/// What samples/ shows to people works as it stands there.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct SampleTests {
    @Test(arguments: ["walkthrough.sh", "tus.sh", "ietf.sh"])
    func `curl sends, is cut, goes on, and it plays`(script: String) async throws {
        let file = try await SampleAudio.file("song.flac")
        let said = try await ServerProcess.with { server in
            try await Tool.must(
                Tool.root + "/samples/curl/" + script, [file],
                environment: [
                    "SLUICE_URL": server.base, "SLUICE_KEY": try await server.uploaderKey("UploadAudio,StreamAudio"),
                ]
            ).text
        }
        #expect(said.contains("upload"))
    }

    @Test func `curl keeps a file by the media API, and takes it away`() async throws {
        let file = try await SampleAudio.file("song.mp3")
        let said = try await ServerProcess.with { server in
            try await Tool.must(
                Tool.root + "/samples/curl/media.sh", ["lesson_audio", file],
                environment: ["SLUICE_URL": server.base, "SLUICE_KEY": try await server.uploaderKey("UploadAudio")]
            ).text
        }
        #expect(said.contains("the same bytes"))
        #expect(said.contains("without a key: 401"))
        #expect(said.contains("deleted: 204\nafter that: 404"))
    }
}
