import Core
import Platform
import TestSupport
import Testing

/// `sluice upload` over every interruption: the same line goes on with what the server has.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct UploadCommandTests {
    /// A WAV of 64 MiB: eight chunks, enough to be interrupted in.
    private func file(in folder: String) async throws -> String {
        let path = folder + "/long.wav"
        try await Tool.must(
            "ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "sine=440:d=190:r=44100", "-ac", "4", path])
        return path
    }

    private func environment(_ folder: String) -> [String: String] {
        Tool.environment.merging([
            "SLUICE_DATA": folder + "/data", "XDG_STATE_HOME": folder + "/state",
        ]) { $1 }
    }

    private func begin(_ arguments: [String], _ folder: String) throws -> ChildProcess {
        var spec = ProcessSpec(program: ServerProcess.program, arguments: ["upload"] + arguments)
        spec.environment = environment(folder)
        spec.output = .pipe
        return try ChildProcess.spawn(spec)
    }

    private func upload(_ arguments: [String], _ folder: String) async throws -> (code: ProcessEnd, json: JSON) {
        let result = try await Tool.run(
            ServerProcess.program, ["upload", "--json"] + arguments,
            environment: environment(folder))
        return (result.end, try JSON.parse(Array(result.text.utf8)))
    }

    /// The id of the one upload that the client has a record of.
    private func recorded(_ folder: String) throws -> (id: String, bytes: JSON)? {
        let records = folder + "/state/sluice/uploads"
        guard Files.exists(records), let name = try Files.list(records).first else { return nil }
        let bytes = try JSON.parse(Files.readWhole(records + "/" + name, limit: 4096))
        return bytes["id"]?.string.map { ($0, bytes) }
    }

    /// Waits until the server has some chunks of the upload, and not all.
    private func someChunks(_ server: ServerProcess, _ folder: String) async throws -> String {
        for _ in 0..<2000 {
            if let (id, _) = try? recorded(folder) {
                let row = try await server.call("GET", "/v1/uploads/\(id)").data
                if let missing = row["missing"]?.array, missing.count < 8 { return id }
            }
            if try await server.hasEnded(within: .milliseconds(5)) { throw TestTrouble("the server ended") }
        }
        throw TestTrouble("no chunk came")
    }

    private func server(_ folder: String) async throws -> ServerProcess {
        try await ServerProcess.start(data: folder + "/data", settings: ["SLUICE_MAX_UPLOAD_AUDIO_MB": "200"])
    }

    @Test func `goes on by itself when the server is killed and started again`() async throws {
        try await withTemporaryFolder { folder in
            try Files.makeFolder(folder + "/data")
            let path = try await file(in: folder)
            let first = try await server(folder)
            let client = try begin(["--json", "-j", "1", path], folder)
            let id = try await someChunks(first, folder)
            await first.kill()
            let second = try await server(folder)
            let end = await client.wait(deadline: Tool.patience)
            #expect(end == .exited(0), "\(client.errorText)")
            let row = try await second.call("GET", "/v1/uploads/\(id)").data
            #expect(row["state"]?.string == "ready", "\(row.text)")
            let sum = try await Tool.must("sha256sum", [path]).text.prefix(64)
            #expect(row["sha256"]?.string == String(sum))
            #expect(try recorded(folder) == nil)
            _ = await second.terminate()
        }
    }

    @Test func `goes on after Ctrl+C with the same upload, and says how`() async throws {
        try await withTemporaryFolder { folder in
            try Files.makeFolder(folder + "/data")
            let path = try await file(in: folder)
            let server = try await server(folder)
            let client = try begin(["-j", "1", path], folder)
            let id = try await someChunks(server, folder)
            client.signal(2)
            let end = await client.wait(deadline: Tool.patience)
            guard end != .exited(0) else {
                // All was through before the signal: nothing to go on with.
                Issue.record("the upload was too quick to be interrupted")
                return
            }
            #expect(end == .exited(130), "\(client.errorText)")
            #expect(client.errorText.contains("go on: \(ServerProcess.program) upload -j 1 \(path)"))
            let (code, json) = try await upload([path], folder)
            #expect(code == .exited(0))
            #expect(json["id"]?.string == id)
            #expect(json["state"]?.string == "ready", "\(json.text)")
            // A third time is a new upload: nothing is left of the first.
            let again = try await upload([path], folder)
            #expect(again.json["id"]?.string != id)
            _ = await server.terminate()
        }
    }

    @Test func `begins anew when the file has changed, and sends folders`() async throws {
        try await withTemporaryFolder { folder in
            try Files.makeFolder(folder + "/data")
            let path = try await file(in: folder)
            let server = try await server(folder)
            let client = try begin(["-j", "1", path], folder)
            let id = try await someChunks(server, folder)
            client.signal(9)
            _ = await client.wait(deadline: Tool.patience)
            let before = try await server.call("GET", "/v1/uploads/\(id)").data["state"]?.string
            try await Tool.must("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", "sine=330:d=3", path])
            let (code, json) = try await upload(["--no-wait", path], folder)
            #expect(code == .exited(0))
            #expect(json["id"]?.string != id)
            let after = try await server.call("GET", "/v1/uploads/\(id)").data["state"]?.string
            #expect(before != "receiving" || after == "cancelled")

            try Files.makeFolder(folder + "/album/disc")
            try Files.writeAtomically(Files.readWhole(path, limit: 1 << 24), to: folder + "/album/disc/one.wav")
            try Files.writeAtomically(Array("text".utf8), to: folder + "/album/notes.txt")
            try Files.writeAtomically(Array("no song".utf8), to: folder + "/album/two.mp3")
            let result = try await Tool.run(
                ServerProcess.program, ["upload", "--json", folder + "/album"], environment: environment(folder))
            #expect(result.end == .exited(1))
            let lines = try result.text.split(separator: "\n").map { try JSON.parse(Array($0.utf8)) }
            #expect(lines.count == 2)
            #expect(lines.contains { $0["state"]?.string == "ready" })
            #expect(lines.contains { $0["error"]?["code"]?.string == "UNSUPPORTED_FORMAT" })
            _ = await server.terminate()
        }
    }
}
