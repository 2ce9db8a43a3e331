package import Core
import Crypto
package import Platform

/// The core API of samples/core-api as a process: verifies callbacks and says in JSON lines what came.
package final class CoreProcess: Sendable {
    package static let callbackSecret = "whsec_" + Base64.encode(Array("callback-secret-of-32-bytes-long".utf8))

    package let process: ChildProcess
    package let lines = LogLines()
    package let url: String

    /// `sluice` is where its page finds the media.
    package init(sluice: String = "http://127.0.0.1:1", port: Int = 0) async throws {
        var spec = ProcessSpec(
            program: try Tool.find("python3"), arguments: [Tool.root + "/samples/core-api/core_api.py"])
        spec.environment = Tool.environment.merging(
            [
                "SLUICE_URL": sluice, "SLUICE_JWT_SECRET": ServerProcess.secret,
                "SLUICE_PLAYBACK_SECRET": ServerProcess.secret, "SLUICE_CALLBACK_SECRET": Self.callbackSecret,
                "SLUICE_CORE_API_KEY": "core-key", "CORE_PORT": String(port),
            ]) { $1 }
        spec.output = .pipe
        process = try ChildProcess.spawn(spec)
        guard let output = process.takeOutput() else { throw TestTrouble("the core API has no output") }
        try lines.follow(output) { _ in }
        guard let line = try await lines.first(where: { $0.contains("listening") }),
            let url = try JSON.parse(line)["url"]?.string
        else { throw TestTrouble("the core API did not start: \(process.errorText)") }
        self.url = url
    }

    package var settings: [String: String] {
        [
            "SLUICE_CORE_URL": url, "SLUICE_CORE_API_KEY": "core-key", "SLUICE_CALLBACK_SECRET": Self.callbackSecret,
        ]
    }

    /// The first thing said of `event` about the track.
    package func said(_ event: String, of track: String, _ key: String? = nil, _ value: JSON? = nil) async throws
        -> JSON
    {
        let line = try await lines.first { line in
            guard let said = try? JSON.parse(line) else { return false }
            return said["event"]?.string == event && said["track"]?.string == track
                && (key.map { said[$0] == value } ?? true)
        }
        guard let line else { throw TestTrouble("the core API ended: \(lines.tail)") }
        return try JSON.parse(line)
    }

    /// Every callback about the track that was verified.
    package func callbacks(of track: String) -> [JSON] {
        lines.all.compactMap { line in
            // A line that is no JSON is no callback.
            guard let said = try? JSON.parse(line), said["event"]?.string == "callback",
                said["track"]?.string == track
            else { return nil }
            return said
        }
    }

    package func end() async {
        process.kill()
        await process.wait()
    }

    package static func with<T>(sluice: String = "http://127.0.0.1:1", _ body: (CoreProcess) async throws -> T)
        async throws -> T
    {
        let core = try await CoreProcess(sluice: sluice)
        do {
            let result = try await body(core)
            await core.end()
            return result
        } catch {
            await core.end()
            throw TestTrouble("\(error)\nthe core API said:\n\(core.lines.tail)")
        }
    }
}
