internal import Glibc

/// Runs programs on hostile bytes through `sluice-jail`, which limits itself and becomes the program. Every child dies with the
/// server, jailed or not.
package struct Jail: Sendable {
    /// The path of `sluice-jail`.
    package let launcher: String
    /// False only where the operator said so: the program then runs with its limits, and with all the server's rights.
    package let isEnforced: Bool

    package init(launcher: String, isEnforced: Bool = true) {
        self.launcher = launcher
        self.isEnforced = isEnforced
    }

    /// The path of a program that was installed in the same folder as the running one.
    package static func beside(_ name: String) throws(Errno) -> String {
        let own = try Files.realPath("/proc/self/exe")
        return (Files.parent(of: own) ?? "/") + "/" + name
    }

    /// `read` are files and folders, `write` folders; a program that uses pipes alone needs neither. Its own libraries are
    /// granted. `threads` lets it start threads; `seconds` are the processor's.
    package func command(
        read: [String] = [], write: [String] = [], seconds: Int, memory: Int64, threads: Bool = false, nice: Int = 0,
        program: String, arguments: [String]
    ) -> ProcessSpec {
        var options = ["--parent", "\(getpid())", "--seconds", "\(seconds)", "--memory", "\(memory)"]
        if !isEnforced { options.append("--no-sandbox") }
        if threads { options.append("--threads") }
        if nice > 0 { options += ["--nice", "\(nice)"] }
        for path in read { options += ["--read", path] }
        for path in write { options += ["--write", path] }
        return ProcessSpec(program: launcher, arguments: options + ["--", program] + arguments)
    }

    /// The exit codes with which the jail itself speaks, its reason on standard error; the program then never ran.
    package static let ownExitCodes: ClosedRange<Int32> = 120...125
}

/// What was tried at start, and held.
package struct JailProof: Equatable, Sendable {
    package let landlockVersion: Int
    package let stopped: [String]
}

package struct JailFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Equatable, Sendable {
        /// `sluice-jail` or the program cannot be run.
        case missing
        /// The kernel lacks what the jail is made of.
        case unsupported
        /// Something forbidden was not stopped.
        case leaking
        /// The program does not work inside.
        case unusable
    }

    package let kind: Kind
    package let message: String

    package var isPassing: Bool { false }
    package var description: String { message }
}

extension Jail {
    /// Tries what must fail, and then the program itself: it must work inside.
    package func prove(
        program: String, arguments: [String] = ["-version"]
    ) async throws(JailFailure) -> JailProof {
        let version = try await selfTest("landlock")
        let forbidden = ["socket", "process", "exec", "read", "write", "orphan", "signal"]
        for attempt in forbidden { _ = try await selfTest(attempt) }

        let spec = command(seconds: 20, memory: 4 << 30, program: program, arguments: arguments)
        let (end, _, error) = try await run(spec)
        guard end == .exited(0) else {
            throw JailFailure(
                kind: .unusable, message: "\(program) does not run in the jail: \(Self.told(end, error))")
        }
        return JailProof(landlockVersion: Int(version) ?? 0, stopped: forbidden)
    }

    private func selfTest(_ what: String) async throws(JailFailure) -> String {
        let (end, output, error) = try await run(
            ProcessSpec(program: launcher, arguments: ["--self-test", what]))
        switch end {
        case .exited(0): return output
        case .exited(let code) where Self.ownExitCodes.contains(code):
            throw JailFailure(kind: .unsupported, message: "the jail cannot be built here: \(Self.told(end, error))")
        default:
            throw JailFailure(
                kind: .leaking, message: "the jail did not stop the attempt \"\(what)\": \(Self.told(end, error))")
        }
    }

    private func run(_ spec: ProcessSpec) async throws(JailFailure) -> (ProcessEnd, String, String) {
        do throws(Errno) {
            let file = try FileDescriptor.memory(named: "output")
            var spec = spec
            spec.output = .descriptor(file.raw)
            let child = try ChildProcess.spawn(spec)
            let end = await child.wait(deadline: .seconds(30))
            let output = String(decoding: try file.read(upTo: 4096, at: 0), as: UTF8.self)
            return (end, output.trimmedLine, child.errorText.trimmedLine)
        } catch {
            throw JailFailure(kind: .missing, message: "\(launcher) cannot be run: \(error)")
        }
    }

    private static func told(_ end: ProcessEnd, _ error: String) -> String {
        if !error.isEmpty { return error }
        return switch end {
        case .exited(let code): "it exited with \(code)"
        case .signalled(SIGSYS): "it was killed for a forbidden system call"
        case .signalled(let signal): "signal \(signal) killed it"
        case .timedOut: "it did not end in time"
        }
    }
}

extension String {
    fileprivate var trimmedLine: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
