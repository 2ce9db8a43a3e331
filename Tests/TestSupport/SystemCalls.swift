internal import Glibc
import Platform
import Core

/// One system call of a server, as strace saw it: when it began, and that it ended.
package struct SystemCall: Sendable {
    package enum Moment: Sendable { case began, ended }

    package let name: String
    package let moment: Moment
    /// Of its first argument, a descriptor: the file's path, or `socket:[…]`.
    package let file: String
    package let arguments: String
    package let result: String
}

/// strace beside a running server, for the length of a test. The server begins no work on what it received: its children
/// would be followed too, and a jail is no place for a debugger.
package final class SystemCalls: Sendable {
    private let process: ChildProcess
    private let file: String

    package init(of server: ServerProcess) async throws {
        let paused = try await server.call("POST", "/admin/queues/finish/pause")
        guard paused.status == 200 else { throw TestTrouble("the queue was not paused: \(paused)") }
        file = server.data + "/strace"
        var spec = ProcessSpec(
            program: try Tool.find("sh"),
            arguments: [
                "-c", "exec strace \"$@\" 2>&1", "strace", "-f", "-y", "-s", "24", "-o", file, "-e",
                "trace=pwrite64,pwritev,ftruncate,fdatasync,fsync,sendto,sendmsg", "-p", String(server.process.pid),
            ], environment: Tool.environment)
        spec.output = .pipe
        process = try ChildProcess.spawn(spec)
        guard let output = process.takeOutput() else { throw TestTrouble("strace has no output") }
        let lines = LogLines()
        try lines.follow(output) { _ in }
        guard try await lines.first(where: { $0.contains("attached") }) != nil else {
            throw TestTrouble("strace did not attach: \(lines.tail)")
        }
    }

    /// Lets go of the server; what it called meanwhile, in order.
    package func end() async throws -> [SystemCall] {
        process.signal(SIGINT)
        await process.wait(deadline: Tool.patience)
        let text = String(decoding: try Files.readWhole(file, limit: 1 << 26), as: UTF8.self)
        var open: [Substring: (name: String, file: String)] = [:]
        return text.split(separator: "\n").flatMap { Self.read($0, &open) }
    }

    /// `12 fdatasync(9</a/b>) = 0`, or in two lines: `12 fdatasync(9</a/b> <unfinished ...>`, `12 <... fdatasync resumed>) = 0`.
    private static func read(
        _ line: Substring, _ open: inout [Substring: (name: String, file: String)]
    ) -> [SystemCall] {
        guard let space = line.firstIndex(of: " ") else { return [] }
        let thread = line[..<space]
        let rest = line[space...].drop { $0 == " " }
        let result = rest.split(separator: "= ").last.map { String($0.prefix { $0 != " " }) } ?? ""
        if rest.hasPrefix("<... ") {
            guard let begun = open.removeValue(forKey: thread) else { return [] }
            return [SystemCall(name: begun.name, moment: .ended, file: begun.file, arguments: "", result: result)]
        }
        guard let bracket = rest.firstIndex(of: "(") else { return [] }
        let name = String(rest[..<bracket])
        let arguments = String(rest[bracket...])
        let file = String(arguments.drop { $0 != "<" }.dropFirst().prefix { $0 != ">" })
        let began = SystemCall(name: name, moment: .began, file: file, arguments: arguments, result: "")
        if rest.hasSuffix("<unfinished ...>") {
            open[thread] = (name, file)
            return [began]
        }
        return [began, SystemCall(name: name, moment: .ended, file: file, arguments: "", result: result)]
    }
}

/// What a disk is sure to have, and what was told meanwhile, from the calls of a server that one client asks.
package struct DiskState {
    /// Written since their last whole sync.
    private var unsure: Set<String> = []
    /// Syncs under way, and what was written meanwhile.
    private var syncing: [String: Bool] = [:]
    /// Data files whose bytes the journal holds are made durable by it.
    package private(set) var syncs = 0
    package private(set) var acknowledged = 0
    /// Files that were not durable when an acknowledgement left.
    package private(set) var early: [String] = []

    package init() {}

    package mutating func note(_ call: SystemCall) {
        switch call.name {
        case "sendto", "sendmsg":
            guard call.moment == .began, call.arguments.contains("HTTP/1.1 20") else { return }
            acknowledged += 1
            early += unsure.sorted()
        case "fdatasync", "fsync":
            guard call.file.contains("/spool/") else { return }
            if call.moment == .began {
                syncing[call.file] = false
            } else if syncing.removeValue(forKey: call.file) == false, call.result == "0" {
                unsure.remove(call.file)
                syncs += 1
            }
        default:
            guard call.moment == .began, call.file.contains("/spool/") else { return }
            if syncing[call.file] != nil { syncing[call.file] = true }
            if call.file.hasSuffix(".journal") || Self.isLong(call) { unsure.insert(call.file) }
        }
    }

    /// Few bytes stand in the journal as well.
    private static func isLong(_ call: SystemCall) -> Bool {
        // `pwrite64(9<…>, "…"..., 1048576, 0`
        let numbers = call.arguments.split(separator: ",").suffix(2).compactMap { part in
            Int(part.filter(\.isNumber))
        }
        return (numbers.first ?? 0) > 65_536
    }
}
