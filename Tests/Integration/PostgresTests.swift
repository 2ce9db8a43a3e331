import Core
import Platform
import TestSupport
import Testing

/// The started program on a PostgreSQL of its own.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PostgresTests {
    @Test func `an upload becomes ready although PostgreSQL is stopped and started meanwhile`() async throws {
        let source = try await SampleAudio.file("song.flac")
        let postgres = try await PrivatePostgres()
        let url = try await postgres.database()
        try await ServerProcess.with(["SLUICE_LEDGER": url]) { server in
            let before = try await server.uploadSimple(source)
            await postgres.kill()
            try await postgres.start()
            #expect(try await server.settled(before)["state"]?.string == "ready")
            let after = try await server.uploadSimple(source)
            #expect(try await server.settled(after)["state"]?.string == "ready")
            #expect(!server.lines.tail.contains("pass%2Fword"))
        }
        await postgres.kill()
    }

    @Test func `readyz names a frozen ledger, and is well again when it goes on`() async throws {
        let postgres = try await PrivatePostgres()
        let url = try await postgres.database()
        try await ServerProcess.with(["SLUICE_LEDGER": url]) { server in
            let well = try await server.ask("/readyz") { $0.status == 200 }
            #expect(well.data["checks"]?["ledger"]?["status"]?.string == "up")
            try await postgres.freeze()
            let ill = try await server.ask("/readyz") { $0.status == 503 }
            #expect(ill.data["checks"]?["ledger"]?["status"]?.string == "down", "\(ill)")
            #expect(try await server.call("GET", "/healthz").status == 200)
            try await postgres.thaw()
            _ = try await server.ask("/readyz") { $0.status == 200 }
            #expect(try await server.call("GET", "/v1/tracks").status == 200)
        }
        await postgres.kill()
    }
}
