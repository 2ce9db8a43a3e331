internal import Glibc
import Platform
internal import Synchronization

/// A running scanner with its loaded database. It ends when the last owner lets it go, by the closing of its socket.
final class Zygote: Sendable {
    let info: EngineInfo
    private let process: ChildProcess
    private let control: FileDescriptor
    private let folder: String

    /// Blocks until the database is loaded and the canaries are through.
    init(_ configuration: ScanConfiguration, folder: String) throws(ScanFailure) {
        do throws(Errno) {
            try Files.makeFolder(folder)
        } catch {
            throw ScanFailure(.resources, "no scratch folder \(folder): \(error)")
        }
        do throws(Errno) {
            var pair = try SocketPair(.messages)
            guard let ours = pair.takeFirst(), let theirs = pair.takeSecond() else { throw Errno.invalid }
            process = try ChildProcess.spawn(Self.command(configuration, control: theirs.raw, folder: folder))
            control = ours
        } catch {
            Self.discard(folder)
            throw ScanFailure(.unavailable, "\(configuration.program) does not start: \(error)")
        }
        self.folder = folder
        do throws(ScanFailure) {
            info = try Self.greeting(on: control, within: configuration.startup)
        } catch {
            Self.end(process)
            Self.discard(folder)
            // What it said to nobody in particular: a loader's complaint, for one.
            let said = process.errorText.split(separator: "\n").last.map { " (\($0))" } ?? ""
            throw ScanFailure(error.kind, error.message + said)
        }
    }

    deinit {
        Self.end(process)
        Self.discard(folder)
    }

    /// Readable once the process has ended.
    var ended: Int32 { process.pidfd }

    func send(_ message: WireMessage, descriptors: [Int32]) throws(Errno) {
        try control.sendMessage(message.bytes, descriptors: descriptors)
    }

    func kill() { process.kill() }

    private static func end(_ process: ChildProcess) {
        process.kill()
        _ = process.waitBlocking()
    }

    private static func command(
        _ configuration: ScanConfiguration, control: Int32, folder: String
    ) throws(Errno) -> ProcessSpec {
        let seen: Int32 = 3
        var arguments = ["--control", "\(seen)", "--parent", "\(getpid())", "--scratch", folder]
        if let database = configuration.database { arguments += ["--database", database] }
        if !configuration.sandbox { arguments.append("--unsafe-no-sandbox") }
        var spec = ProcessSpec(
            program: try Files.realPath(configuration.program), arguments: arguments, environment: ["LANG": "C"])
        spec.passed = [seen: control]
        return spec
    }

    private static func greeting(
        on control: borrowing FileDescriptor, within limit: Duration
    ) throws(ScanFailure) -> EngineInfo {
        let message: SocketMessage?
        do throws(Errno) {
            var set = PollSet()
            set.add(control.raw, .read)
            guard try !set.wait(until: .after(limit)).isEmpty else { throw Errno.timedOut }
            message = try control.receiveMessage(limit: WireMessage.limit)
        } catch .timedOut {
            throw ScanFailure(.unavailable, "the scanner was not ready within \(limit)")
        } catch {
            throw ScanFailure(.unavailable, "the scanner cannot be heard: \(error)")
        }
        guard let message else {
            throw ScanFailure(.unavailable, "the scanner ended while it loaded its database")
        }
        let wire = WireMessage(message.bytes)
        guard let info = wire?.engineInfo else {
            throw ScanFailure(.unavailable, wire?["reason"] ?? "the scanner said something senseless")
        }
        return info
    }

    private static func discard(_ folder: String) {
        // What stays is removed at the next start.
        try? Files.removeTree(folder)
    }
}
