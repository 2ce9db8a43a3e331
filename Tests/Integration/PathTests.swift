import Core
import Platform
import TestSupport
import Testing

/// The whole path of a byte through the release program, judged by curl and ffmpeg.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PathTests {
    /// What is heard is the source, to the sample: by the playlist, by the edit list, and by a decoder.
    private func expectHeard(_ track: String, of source: String, on server: ServerProcess) async throws {
        let state = try await server.settled(track)
        try #require(state["state"]?.string == "ready", "\(state.text)")
        let frames = try await SampleAudio.frames(source)
        let heard = try await HeardTrack(fetching: server.playback(track), from: server)
        #expect(Int((heard.seconds * 44_100).rounded()) == frames)
        let edit = try #require(heard.edit)
        #expect(edit.shown == frames)
        try await withTemporaryFolder { folder in
            try heard.write(to: folder + "/heard.mp4")
            let decoded = try await SampleAudio.frames(folder + "/heard.mp4")
            // A decoder that leaves the edit list alone also gives the priming, and the end of the last frame.
            #expect((frames...frames + edit.skipped + 1023).contains(decoded), "\(decoded) of \(frames)")
        }
    }

    @Test(arguments: ["song.flac", "song-24.flac", "song.wav", "song-moov-last.m4a"])
    func `a raw upload is heard to the sample`(name: String) async throws {
        let source = try await SampleAudio.file(name)
        try await ServerProcess.with { server in
            try await expectHeard(server.uploadSimple(source), of: source, on: server)
        }
    }

    @Test(arguments: [
        "song.mp3", "song.ogg", "song.opus", "song.aac", "song.aiff", "song.caf", "song.mka", "song.webm",
    ])
    func `every format that is promised becomes ready`(name: String) async throws {
        let source = try await SampleAudio.file(name)
        try await ServerProcess.with { server in
            let state = try await server.settled(server.uploadSimple(source))
            #expect(state["state"]?.string == "ready", "\(state.text)")
        }
    }

    @Test func `a form is taken like a raw body`() async throws {
        let source = try await SampleAudio.file("song.flac")
        try await ServerProcess.with { server in
            let answer = try await server.call("POST", "/v1/uploads/simple", .form(file: source))
            try #require(answer.status == 202, "\(answer)")
            #expect(answer.data["filename"]?.string == "song.flac")
            try await expectHeard(try #require(answer.data["trackId"]?.string), of: source, on: server)
        }
    }

    @Test func `chunks are taken one by one, and what is missing is named`() async throws {
        let source = try await SampleAudio.file("song.flac")
        let bytes = try Files.readWhole(source, limit: 1 << 24)
        try await ServerProcess.with { server in
            let upload = try await ChunkedUpload(bytes, chunkSize: 262_144, on: server)
            for index in 1..<upload.count { #expect(try await upload.send(index).status == 201) }
            #expect(try await upload.send(1).status == 200)
            let early = try await upload.complete()
            #expect(early.status == 409)
            #expect(early.code == "UPLOAD_INCOMPLETE")
            #expect(early.json["error"]?["details"]?.array?.first?["missing"] == [0])
            #expect(try await upload.send(0).status == 201)
            let done = try await upload.complete()
            try #require(done.status == 202, "\(done)")
            try await expectHeard(upload.track, of: source, on: server)
            let state = try await server.call("GET", "/v1/uploads/\(upload.id)").data
            #expect(state["state"]?.string == "ready")
            #expect(state["sha256"]?.string?.count == 64)
        }
    }

    @Test func `the core API hears of it once, by a callback whose signature is right`() async throws {
        let source = try await SampleAudio.file("song.flac")
        let infected = try await SampleAudio.file("infected.mp3")
        try await CoreProcess.with { core in
            try await ServerProcess.with(core.settings) { server in
                let ready = try await server.uploadSimple(source)
                let held = try await server.uploadSimple(infected)
                let good = try await core.said("callback", of: ready)
                #expect(good["outcome"]?.string == "stream-ready")
                #expect(good["type"]?.string == "track.ready")
                let bad = try await core.said("callback", of: held)
                #expect(bad["outcome"]?.string == "quarantined")
                #expect(!core.lines.all.contains { $0.contains("refused") })
            }
        }
    }

    @Test func `SIGTERM in the middle of the path ends with 0, and the next start finishes it`() async throws {
        let source = try await SampleAudio.file("long.flac")
        try await withTemporaryFolder { folder in
            let first = try await ServerProcess.start(data: folder)
            let track = try await first.uploadSimple(source)
            #expect(await first.terminate() == .exited(0))
            let second = try await ServerProcess.start(data: folder)
            let state = try await second.settled(track)
            #expect(state["state"]?.string == "ready", "\(state.text)")
            #expect(await second.terminate() == .exited(0))
        }
    }
}
