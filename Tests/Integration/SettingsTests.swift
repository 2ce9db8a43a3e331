import Core
import Platform
import TestSupport
import Testing

/// Wrong settings: all named in one answer, nothing started, exit 2.
@Suite(.timeLimit(.minutes(5)))
struct SettingsTests {
    private func serve(_ folder: String, _ settings: [String: String]) async throws -> Tool.Result {
        try await Tool.run(
            ServerProcess.program, ["serve"],
            environment: ServerProcess.settings(folder).merging(settings) { $1 }, folder: folder)
    }

    @Test func `every wrong setting is named at once`() async throws {
        try await withTemporaryFolder { folder in
            let result = try await serve(
                folder,
                ["SLUICE_MAX_UPLOAD_AUDIO_MB": "0", "SLUICE_LOG_FORMAT": "xml", "SLUICE_DURABLITY": "full"])
            #expect(result.end == .exited(2))
            let said = result.text + result.error
            for key in ["SLUICE_MAX_UPLOAD_AUDIO_MB", "SLUICE_LOG_FORMAT", "SLUICE_DURABLITY", "SLUICE_DURABILITY"] {
                #expect(said.contains(key), "\(key) is missing in: \(said)")
            }
        }
    }

    @Test func `a taken port is a wrong setting`() async throws {
        try await ServerProcess.with { server in
            try await withTemporaryFolder { folder in
                let taken = String(server.base.dropFirst("http://".count))
                let result = try await serve(folder, ["SLUICE_LISTEN": taken])
                #expect(result.end == .exited(2))
                #expect((result.text + result.error).contains("SLUICE_LISTEN"))
            }
        }
    }

    @Test func `a data folder has one server`() async throws {
        try await ServerProcess.with { server in
            let result = try await serve(server.data, [:])
            #expect(result.end == .exited(2))
            #expect((result.text + result.error).contains("SLUICE_DATA"))
        }
    }

    @Test func `a data folder that cannot be written is a wrong setting`() async throws {
        try await withTemporaryFolder { folder in
            // Below a file there is no folder, whoever asks.
            try Files.writeAtomically([], to: folder + "/file")
            let result = try await serve(folder, ["SLUICE_DATA": folder + "/file/data"])
            #expect(result.end == .exited(2))
            #expect((result.text + result.error).contains("SLUICE_DATA"))
        }
    }
}
