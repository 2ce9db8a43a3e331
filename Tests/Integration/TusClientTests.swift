import Core
import Crypto
import Platform
import TestSupport
import Testing

/// Clients that are not ours, unmodified: PyPI's tuspy and aiotus send, go on and join; what plays is what they sent.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct TusClientTests {
    private static let python = Tool.root + "/.build/tools/bin/python"
    private static let script = Tool.root + "/Tests/Clients/tus_client.py"

    /// An upload belongs to the key that made it.
    private func run(
        _ what: String, _ server: ServerProcess, _ file: String, _ rest: [String] = [], key: String? = nil
    ) async throws -> [String] {
        let made = key == nil ? try await server.uploaderKey() : ""
        let key = key ?? made
        let result = try await Tool.must(
            Self.python, [Self.script, what, server.base + "/files", key, file] + rest)
        return result.text.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// The upload that an address names has exactly the file's bytes, and its track plays.
    private func expectWhole(_ address: String, _ file: String, on server: ServerProcess) async throws {
        let id = try #require(address.split(separator: "/").last)
        let upload = try await server.call("GET", "/v1/uploads/\(id)").data
        let track = try await server.settled(try #require(upload["trackId"]?.string))
        #expect(track["state"]?.string == "ready", "\(track.text)")
        let sum = Hex.encode(SHA256.hash(try Files.readWhole(file, limit: 1 << 26)))
        #expect(try await server.call("GET", "/v1/uploads/\(id)").data["sha256"]?.string == sum)
    }

    @Test func `tuspy sends a file in chunks with checksums`() async throws {
        let file = try await SampleAudio.file("song.flac")
        try await ServerProcess.with { server in
            let said = try await run("tuspy", server, file)
            #expect(said.first?.hasPrefix(server.base + "/files/") == true)
            try await expectWhole(said[0], file, on: server)
        }
    }

    @Test func `tuspy goes on in another process, after kill -9 of the server`() async throws {
        let file = try await SampleAudio.file("song.flac")
        let settings = ["SLUICE_LISTEN": "127.0.0.1:\(try freePort())"]
        try await withTemporaryFolder { folder in
            let first = try await ServerProcess.start(data: folder, settings: settings)
            let key = try await first.uploaderKey()
            let half = try await run("tuspy-half", first, file, [folder], key: key)
            await first.kill()
            let second = try await ServerProcess.start(data: folder, settings: settings)
            let rest = try await run("tuspy-rest", second, file, [folder], key: key)
            #expect(rest[0] == half[0])
            // It began where the first had stopped: nothing that was acknowledged is sent again.
            #expect(rest[1] == half[2] && rest[1] != "0")
            try await expectWhole(rest[0], file, on: second)
            #expect(await second.terminate() == .exited(0))
        }
    }

    @Test func `aiotus lives through two kills of the server while it sends`() async throws {
        let file = try await SampleAudio.file("song.flac")
        let settings = ["SLUICE_LISTEN": "127.0.0.1:\(try freePort())"]
        try await withTemporaryFolder { folder in
            var server = try await ServerProcess.start(data: folder, settings: settings)
            let key = try await server.uploaderKey()
            let endpoint = server.base + "/files"
            async let client = Tool.must(Self.python, [Self.script, "aiotus", endpoint, key, file])
            for _ in 0..<2 {
                // Once more of it is durable than there was, the power goes.
                try await server.somethingCame()
                await server.kill()
                server = try await ServerProcess.start(data: folder, settings: settings)
            }
            let said = try await client.text.split(whereSeparator: \.isWhitespace).map(String.init)
            try await expectWhole(try #require(said.first), file, on: server)
            #expect(await server.terminate() == .exited(0))
        }
    }

    @Test func `aiotus sends four parts at once, and they are joined`() async throws {
        let file = try await SampleAudio.file("song.flac")
        try await ServerProcess.with { server in
            let said = try await run("aiotus-parts", server, file)
            try await expectWhole(try #require(said.first), file, on: server)
        }
    }
}

extension ServerProcess {
    /// A key that may upload, made by the program beside the running server.
    func uploaderKey(_ permissions: String = "UploadAudio") async throws -> String {
        let made = try await Tool.must(
            Self.program, ["keys", "create", "--name", "client", "--permissions", permissions, "--json"],
            environment: Self.settings(data))
        guard let key = try JSON.parse(made.output)["key"]?.string else { throw TestTrouble("no key in \(made.text)") }
        return key
    }

    /// Returns once the spool's journals have grown.
    func somethingCame() async throws {
        func size() throws -> Int64 {
            let spool = data + "/spool"
            guard Files.exists(spool) else { return 0 }
            return try Files.list(spool).reduce(0) { sum, folder in
                try Files.list("\(spool)/\(folder)").reduce(sum) {
                    $0 + (try Files.size("\(spool)/\(folder)/\($1)") ?? 0)
                }
            }
        }
        let before = try size()
        for _ in 0..<2400 {
            if try size() > before + 50_000 { return }
            if try await hasEnded(within: .milliseconds(5)) { throw TestTrouble("the server ended") }
        }
        throw TestTrouble("no byte came")
    }
}
