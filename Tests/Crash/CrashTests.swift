import Core
import Platform
import TestSupport
import Testing

/// `kill -9` at any moment of the path: what was acknowledged ends ready, and is told of once.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct CrashTests {
    /// Nobody lives on whose folder was the server's; the dead server's children notice by themselves.
    private func expectNobodyLeft(in folder: String) async throws {
        func left() throws -> [String] {
            try Files.list("/proc").filter { name in
                // A process that ended meanwhile, and a zombie, have no folder.
                Int32(name) != nil && (try? Files.realPath("/proc/\(name)/cwd")) == folder
            }
        }
        try await eventually { try left().isEmpty }
    }

    @Test func `a server killed at ten moments loses nothing it acknowledged and tells nothing twice`() async throws {
        let source = try await SampleAudio.file("song.flac")
        try await CoreProcess.with { core in
            try await withTemporaryFolder { folder in
                var acknowledged: [String] = []
                // From the middle of the request's body on, denser where more happens.
                for moment in [0, 5, 15, 40, 90, 180] {
                    let server = try await ServerProcess.start(data: folder, settings: core.settings)
                    async let upload = server.uploadSimple(source)
                    _ = try await server.hasEnded(within: .milliseconds(moment))
                    await server.kill()
                    // No answer is no promise.
                    if let track = try? await upload { acknowledged.append(track) }
                    try await expectNobodyLeft(in: folder)
                }
                // From the answer to long after the last step.
                for moment in [0, 150, 400, 1000] {
                    let server = try await ServerProcess.start(data: folder, settings: core.settings)
                    acknowledged.append(try await server.uploadSimple(source))
                    _ = try await server.hasEnded(within: .milliseconds(moment))
                    await server.kill()
                    try await expectNobodyLeft(in: folder)
                }
                let last = try await ServerProcess.start(data: folder, settings: core.settings)
                for track in acknowledged {
                    let state = try await last.settled(track)
                    #expect(state["state"]?.string == "ready", "\(state.text)")
                    _ = try await core.said("callback", of: track)
                }
                #expect(await last.terminate() == .exited(0))
                for track in acknowledged {
                    let ids = Set(core.callbacks(of: track).compactMap { $0["id"]?.string })
                    #expect(ids.count == 1, "\(track): \(ids)")
                }
            }
        }
    }

    @Test func `a chunk that was acknowledged is there after kill -9, and the upload goes on`() async throws {
        let bytes = try Files.readWhole(try await SampleAudio.file("song.flac"), limit: 1 << 24)
        try await withTemporaryFolder { folder in
            let first = try await ServerProcess.start(data: folder)
            var upload = try await ChunkedUpload(bytes, chunkSize: 131_072, on: first)
            let sent = upload.count / 2
            for index in 0..<sent { #expect(try await upload.send(index).status == 201) }
            await first.kill()

            let second = try await ServerProcess.start(data: folder)
            upload.server = second
            let state = try await second.call("GET", "/v1/uploads/\(upload.id)").data
            #expect(state["state"]?.string == "receiving")
            #expect(state["missing"] == .array((sent..<upload.count).map { .integer(Int64($0)) }), "\(state.text)")
            for index in sent..<upload.count { #expect(try await upload.send(index).status == 201) }
            #expect(try await upload.complete().status == 202)
            await second.kill()

            let third = try await ServerProcess.start(data: folder)
            let track = try await third.settled(upload.track)
            #expect(track["state"]?.string == "ready", "\(track.text)")
            #expect(await third.terminate() == .exited(0))
        }
    }
}
