import App
import Ledger
import Glibc

/// The program: picks the subcommand. Exit codes: 0 done, 1 failed, 2 usage or settings, 130 interrupted.
enum Sluice {
    static let version = ProgramVersion.current.description

    /// Runs on the tasks' own threads and leaves the first one asleep: were it handed to the main queue, that would
    /// unblock the signals which the server waits for.
    static func begin() -> Never {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == Command.serve.rawValue { Serve.blockSignals() }
        if arguments.first == Command.upload.rawValue { UploadCommand.blockSignals() }
        // Ends with the process.
        Task.detached { exit(await run(arguments)) }
        while true { pause() }
    }

    private static func run(_ arguments: [String]) async -> Int32 {
        guard let verb = arguments.first else {
            Terminal.out(Help.text)
            return 2
        }
        let rest = Array(arguments.dropFirst())
        if ["help", "--help", "-h"].contains(verb) {
            Terminal.out(Help.text)
            return 0
        }
        if verb == "version" || verb == "--version" {
            Terminal.out("sluice \(version)\n")
            return 0
        }
        guard let command = Command(rawValue: verb) else {
            let nearest = Nearest.of(verb, among: Command.allCases.map(\.rawValue))
            Terminal.error(
                "sluice: there is no command \(verb)\n  do: did you mean \(nearest)? All of them: sluice --help\n")
            return 2
        }
        if rest.contains("--help") || rest.contains("-h") {
            Terminal.out(command.help)
            return 0
        }
        do {
            return try await command.run(rest)
        } catch let complaint as Complaint {
            complaint.show(asJSON: rest.contains("--json"))
            return complaint.exitCode
        } catch let failure as SettingsFailure {
            Terminal.error(failure.text + "\n")
            return 2
        } catch {
            Complaint("it failed", why: "\(error)", remedy: "sluice doctor").show(asJSON: rest.contains("--json"))
            return 1
        }
    }

    static var environment: [String: String] {
        var values: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
            next = next.advanced(by: 1)
        }
        return values
    }
}
