internal import Glibc
package import Platform

/// Other people's programs (ffmpeg, curl, python3), run to their end beside a test.
package enum Tool {
    package struct Result: Sendable {
        package let end: ProcessEnd
        package let output: [UInt8]
        package let error: String

        package var text: String { String(decoding: output, as: UTF8.self) }
        package var succeeded: Bool { end == .exited(0) }
    }

    /// The folder of Package.swift.
    package static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    package static var isRoot: Bool { geteuid() == 0 }

    package static func environmentValue(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// What every program needs and nothing of ours.
    package static var environment: [String: String] {
        var kept = ["LANG": "C.UTF-8"]
        for name in ["PATH", "HOME", "TMPDIR"] { kept[name] = environmentValue(name) }
        return kept
    }

    /// Where the shell would find it. A missing program is a failure, never a silent skip.
    package static func find(_ name: String) throws(TestTrouble) -> String {
        if name.contains("/") { return name }
        for folder in (environmentValue("PATH") ?? "/usr/bin:/bin").split(separator: ":") {
            let path = "\(folder)/\(name)"
            if Files.isExecutable(path) { return path }
        }
        throw TestTrouble("there is no \(name) on PATH; scripts/bootstrap test brings it")
    }

    /// So long may a program take by itself: less than the time limit of a test, so that the failure names the program.
    package static let patience = Duration.seconds(240)

    package static func run(
        _ program: String, _ arguments: [String], environment added: [String: String] = [:], folder: String? = nil,
        limit: Duration = patience
    ) async throws -> Result {
        var spec = ProcessSpec(
            program: try find(program), arguments: arguments,
            environment: environment.merging(added) { $1 }, folder: folder)
        spec.output = .pipe
        let child = try ChildProcess.spawn(spec)
        let deadline = Deadline.after(limit)
        let output = try await Lane(name: "test-tool").run { () throws(Errno) in
            guard let pipe = child.takeOutput() else { return [UInt8]() }
            var bytes: [UInt8] = []
            while true {
                switch try pipe.readAvailable(upTo: 1 << 20) {
                case .bytes(let some): bytes += some
                case .end: return bytes
                case .wouldBlock:
                    var set = PollSet()
                    set.add(pipe.raw, .read)
                    if try set.wait(until: deadline).isEmpty {
                        child.kill()
                        return bytes
                    }
                }
            }
        }
        let end = await child.wait(deadline: deadline.remaining)
        return Result(end: end, output: output, error: child.errorText)
    }

    /// The same, where anything but success ends the test.
    @discardableResult
    package static func must(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], limit: Duration = patience
    ) async throws -> Result {
        let result = try await run(program, arguments, environment: environment, limit: limit)
        guard result.succeeded else {
            throw TestTrouble("\(program) \(arguments.joined(separator: " ")): \(result.end), \(result.error)")
        }
        return result
    }
}
