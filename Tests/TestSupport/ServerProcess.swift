import Core
package import Platform

/// The release program, `sluice serve`, with a data folder of the test's, free ports and JSON logs. Whoever starts it ends it.
package final class ServerProcess: Sendable {
    /// Signs what the tests call with; the same in every run.
    package static let secret = "integration-tests-secret-0123456789abcdef"

    package let process: ChildProcess
    package let lines = LogLines()
    package let data: String
    private let boundAddress: String

    package var base: String { "http://\(boundAddress)" }

    /// `make build` made it; SLUICE_BIN names another.
    package static var program: String {
        Tool.environmentValue("SLUICE_BIN") ?? Tool.root + "/.build/release/sluice"
    }

    private init(process: ChildProcess, data: String, killAt: String?) async throws {
        self.process = process
        self.data = data
        let lines = lines
        guard let output = process.takeOutput() else { throw TestTrouble("the server has no output") }
        try lines.follow(output) { line in
            // On the reader's thread, so that the server has no time to go on from what it just said.
            if let killAt, line.contains(killAt) { process.kill() }
        }
        guard try await lines.first(where: { $0.contains("listening") }) != nil else {
            let end = await process.wait()
            throw TestTrouble("serve ended (\(end)) before it listened:\n\(lines.tail)\n\(process.errorText)")
        }
        let addresses = try JSON.parse(Files.readWhole(data + "/run/addresses.json", limit: 65_536))
        guard let http = addresses["http"]?.string else { throw TestTrouble("no address in \(addresses.text)") }
        boundAddress = http
    }

    package static func settings(_ data: String) -> [String: String] {
        [
            "SLUICE_DATA": data, "SLUICE_LISTEN": "127.0.0.1:0", "SLUICE_METRICS_LISTEN": "127.0.0.1:0",
            "SLUICE_JWT_SECRET": secret, "SLUICE_PLAYBACK_SECRET": secret, "SLUICE_LOG_FORMAT": "json",
            "SLUICE_UPLOADS_PER_HOUR": "0", "SLUICE_RATE_LIMIT": "0",
        ]
    }

    /// `launcher`: a command that the server is started by.
    package static func start(
        data: String, settings: [String: String] = [:], killAt: String? = nil, launcher: [String] = []
    ) async throws -> ServerProcess {
        guard Files.isExecutable(program) else { throw TestTrouble("\(program) is missing: run make build first") }
        let command = launcher + [program, "serve"]
        var spec = ProcessSpec(program: try Tool.find(command[0]), arguments: Array(command.dropFirst()))
        spec.environment = Tool.environment.merging(self.settings(data).merging(settings) { $1 }) { $1 }
        spec.folder = data
        spec.output = .pipe
        let process = try ChildProcess.spawn(spec)
        do {
            return try await ServerProcess(process: process, data: data, killAt: killAt)
        } catch {
            process.kill()
            await process.wait()
            throw error
        }
    }

    /// SIGKILL, as a power cut would. The server's children are in groups of their own: they must notice by themselves.
    package func kill() async {
        process.kill()
        await process.wait()
    }

    /// SIGTERM; how it ended.
    package func terminate() async -> ProcessEnd {
        process.signal(15)
        return await process.wait(deadline: Tool.patience)
    }

    /// A server in a folder of its own for the length of `body`, ended after it whatever became of it.
    package static func with<T>(
        _ settings: [String: String] = [:], _ body: (ServerProcess) async throws -> T
    ) async throws -> T {
        try await withTemporaryFolder { folder in
            let server = try await start(data: folder, settings: settings)
            do {
                let result = try await body(server)
                _ = await server.terminate()
                return result
            } catch {
                await server.kill()
                throw TestTrouble("\(error)\nthe server's last lines:\n\(server.lines.tail)")
            }
        }
    }
}
