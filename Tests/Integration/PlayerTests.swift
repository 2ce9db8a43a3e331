import Core
import Platform
import TestSupport
import Testing

/// A real browser plays what is served, by the page of samples/core-api.
@Suite(.timeLimit(.minutes(5)))
struct PlayerTests {
    @Test func `Chromium plays a track by media source, from the page of the sample core API`() async throws {
        let source = try await SampleAudio.file("song.flac")
        let chromium = try Tool.find("chromium")
        try await ServerProcess.with { server in
            let track = try await server.uploadSimple(source)
            #expect(try await server.settled(track)["state"]?.string == "ready")
            try await CoreProcess.with(sluice: server.base) { core in
                try await withTemporaryFolder { profile in
                    var spec = ProcessSpec(
                        program: chromium,
                        arguments: [
                            // A container has neither a user namespace nor a sound card for it.
                            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                            "--no-first-run",
                            "--disable-background-networking", "--autoplay-policy=no-user-gesture-required",
                            "--user-data-dir=\(profile)", "\(core.url)/tracks/\(track)",
                        ])
                    spec.environment = Tool.environment.merging(["HOME": profile]) { $1 }
                    let browser = try ChildProcess.spawn(spec)
                    // Whatever the page says first is the answer: that it plays, or why not.
                    let said = try await core.said("played", of: track)
                    browser.kill()
                    await browser.wait()
                    #expect(said["what"]?.string == "playing", "\(said.text)")
                    #expect(abs((said["duration"]?.double ?? 0) - 12) < 0.1, "\(said.text)")
                }
            }
        }
    }
}
