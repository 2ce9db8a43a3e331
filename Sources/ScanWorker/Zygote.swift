import CClamAV
import Glibc
import Platform
import ScanBridge

/// Holds the compiled engine and forks a child for each file. It parses nothing itself, has one thread, and ends when its
/// control socket closes.
struct Zygote: ~Copyable {
    private struct Running {
        let process: Int32
        let ended: SharedDescriptor
        let socket: SharedDescriptor
        let folder: String
    }

    let engine: Engine
    let control: FileDescriptor
    let folder: String
    let isJailed: Bool
    private var running: [Running] = []
    private var count = 0
    private let own = getpid()

    init(engine: Engine, control: consuming FileDescriptor, folder: String, isJailed: Bool) {
        self.engine = engine
        self.control = control
        self.folder = folder
        self.isJailed = isJailed
    }

    /// Until the service closes the control socket.
    mutating func run() throws(Errno) {
        var set = PollSet()
        while true {
            set.removeAll()
            set.add(control.raw, .read)
            for child in running { set.add(child.ended.raw, .read) }
            let ready = try set.wait()
            for event in ready where event.descriptor != control.raw { reap(event.descriptor) }
            if ready.contains(where: { $0.descriptor == control.raw }) {
                guard let message = try control.receiveMessage(limit: WireMessage.limit) else { return }
                accept(message)
            }
        }
    }

    private mutating func accept(_ message: SocketMessage) {
        guard message.descriptors.count == 2, let wire = WireMessage(message.bytes), wire.word == "scan",
            let size = wire.number("size"), let deadline = wire.number("deadline")
        else { return }
        let socket = message.descriptors[1]
        do throws(Errno) {
            try begin(file: message.descriptors[0], socket, size: size, deadline: .milliseconds(deadline))
        } catch {
            send(.refused("no child for the scan: \(error)"), on: socket)
        }
    }

    private mutating func begin(
        file: SharedDescriptor, _ socket: SharedDescriptor, size: Int64, deadline: Duration
    ) throws(Errno) {
        count += 1
        let scratch = "\(folder)/\(count)"
        try Files.makeFolder(scratch)
        let work = Child.Work(folder: scratch, size: size, deadline: deadline, isJailed: isJailed)
        let process = sluice_fork()
        if process == 0 { Child.scan(work, engine, file: file.raw, socket: socket.raw, parent: own) }
        let code = errno
        guard process > 0 else {
            discard(scratch)
            throw Errno(code: code)
        }
        let ended = sluice_pidfd_of(process)
        guard ended >= 0 else {
            let code = errno
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
            discard(scratch)
            throw Errno(code: code)
        }
        running.append(
            Running(
                process: process, ended: SharedDescriptor(FileDescriptor(owning: ended)), socket: socket,
                folder: scratch))
        send(.started(process: process), on: socket)
    }

    private mutating func reap(_ descriptor: Int32) {
        guard let index = running.firstIndex(where: { $0.ended.raw == descriptor }) else { return }
        let child = running[index]
        var status: Int32 = 0
        guard waitpid(child.process, &status, WNOHANG) == child.process else { return }
        running.remove(at: index)
        discard(child.folder)
        let signal = status & 0x7f
        send(signal == 0 ? .ended(exit: (status >> 8) & 0xff) : .ended(signal: signal), on: child.socket)
    }

    private func send(_ message: WireMessage, on socket: SharedDescriptor) {
        // Fails only where the service no longer listens, and then nobody is to be told.
        try? socket.descriptor.sendMessage(message.bytes)
    }

    private func discard(_ folder: String) {
        // What stays is removed with the zygote's own folder; a scan is not judged by it.
        try? Files.removeTree(folder)
    }

    // MARK: Proof

    /// Runs the canaries in a jailed child, as any file would be scanned; nil if all is well.
    func trouble() -> String? {
        let scratch = folder + "/proof"
        do throws(Errno) {
            try Files.makeFolder(scratch)
            defer { discard(scratch) }
            if isJailed, let trouble = JailProof.trouble(in: scratch) { return trouble }
            var pair = try SocketPair()
            guard let ours = pair.takeFirst(), let theirs = pair.takeSecond() else { return "no socket" }
            let work = Child.Work(folder: scratch, size: 0, deadline: .seconds(60), isJailed: isJailed)
            let process = sluice_fork()
            if process == 0 { Child.prove(work, engine, socket: theirs.raw, parent: own) }
            try Errno.check(process)
            try theirs.close()
            let answer = try ours.receiveMessage(limit: WireMessage.limit).flatMap { WireMessage($0.bytes) }
            var status: Int32 = 0
            try Errno.check(waitpid(process, &status, 0))
            if status != 0 { return "the canaries' process ended by \(Self.said(status))" }
            if answer?.engineInfo != nil { return nil }
            return answer?["reason"] ?? "the canaries' process said nothing"
        } catch {
            return "the canaries could not be run: \(error)"
        }
    }

    private static func said(_ status: Int32) -> String {
        status & 0x7f == 0 ? "exit \((status >> 8) & 0xff)" : "signal \(status & 0x7f)"
    }
}
