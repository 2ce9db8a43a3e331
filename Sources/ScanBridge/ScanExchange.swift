internal import Glibc
import Platform

/// One file's talk with the scanner, from handing it over to the verdict. It blocks its thread, and it alone decides how long
/// that may be: whatever the scanner does or leaves undone, it ends.
struct ScanExchange {
    /// How long the zygote may take to fork, and to say that a killed child is gone.
    static let grace = Duration.seconds(20)

    let zygote: Zygote
    let deadline: Duration
    let cancelled: EventSignal

    func run(descriptor: Int32, size: Int64) throws(ScanFailure) -> Verdict {
        let socket = try handOver(descriptor, size: size)
        var state = ScanTalk()
        var until = Deadline.after(Self.grace)
        while true {
            let event = try next(on: socket, until: until)
            switch state.receive(event) {
            case .wait: break
            case .go:
                until = .after(deadline * 1.5)
                try send(.go, on: socket)
            case .kill(let process):
                until = .after(Self.grace)
                kill(process)
            case .abandon(let process):
                if let process { kill(process) }
                throw ScanFailure(.cancelled, "the scan was cancelled")
            case .killZygote(let reason):
                zygote.kill()
                throw ScanFailure(.scannerLost, reason)
            case .verdict(let verdict):
                return verdict
            case .unscannable(let reason):
                return .unscannable(reason, Evidence(engine: zygote.info.engine, database: zygote.info.database))
            case .fail(let failure):
                throw failure
            }
        }
    }

    private func handOver(_ descriptor: Int32, size: Int64) throws(ScanFailure) -> FileDescriptor {
        do throws(Errno) {
            var pair = try SocketPair(.messages)
            guard let ours = pair.takeFirst(), let theirs = pair.takeSecond() else { throw Errno.invalid }
            try zygote.send(.scan(size: size, deadline: deadline), descriptors: [descriptor, theirs.raw])
            return ours
        } catch .brokenPipe {
            throw ScanFailure(.scannerLost, "the scanner has ended")
        } catch {
            throw ScanFailure(.resources, "the file could not be handed to the scanner: \(error)")
        }
    }

    private func next(on socket: borrowing FileDescriptor, until: Deadline) throws(ScanFailure) -> ScanTalk.Event {
        do throws(Errno) {
            var set = PollSet()
            set.add(socket.raw, .read)
            set.add(cancelled.raw, .read)
            let ready = try set.wait(until: until)
            if ready.contains(where: { $0.descriptor == cancelled.raw }) { return .cancelled }
            guard !ready.isEmpty else { return .late }
            guard let message = try receive(on: socket) else { return .closed }
            return WireMessage(message.bytes).map { .message($0) } ?? .nonsense
        } catch {
            return .closed
        }
    }

    private func receive(on socket: borrowing FileDescriptor) throws(Errno) -> SocketMessage? {
        do throws(Errno) {
            return try socket.receiveMessage(limit: WireMessage.limit)
        } catch  where error.code == ECONNRESET {
            // The child died before it read its "go". That is said once; what the zygote says of it still waits behind.
            return try socket.receiveMessage(limit: WireMessage.limit)
        }
    }

    private func send(_ message: WireMessage, on socket: borrowing FileDescriptor) throws(ScanFailure) {
        do throws(Errno) {
            try socket.sendMessage(message.bytes)
        } catch .brokenPipe {
            // The child is gone already; what became of it is the next message.
        } catch {
            throw ScanFailure(.scannerLost, "the scanner does not listen: \(error)")
        }
    }

    private func kill(_ process: Int32) {
        do throws(Errno) {
            try Signals.send(Signals.kill, to: process)
        } catch {
            // It ended by itself in the same moment.
        }
    }
}
