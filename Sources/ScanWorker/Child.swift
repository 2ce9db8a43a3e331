import CClamAV
import Glibc
import Platform
import ScanBridge

/// A fork of the zygote that looks at one file and ends. It never returns to the zygote's code.
enum Child {
    static let file: Int32 = 3
    static let socket: Int32 = 4

    struct Work {
        let folder: String
        let size: Int64
        let deadline: Duration
        let isJailed: Bool
    }

    /// In the child, right after fork.
    static func scan(_ work: Work, _ engine: Engine, file: Int32, socket: Int32, parent: Int32) -> Never {
        settle(file: file, socket: socket, parent: parent)
        _exit(answer(work, engine))
    }

    /// As above, for the canaries: answers `ready` or `failed`.
    static func prove(_ work: Work, _ engine: Engine, socket: Int32, parent: Int32) -> Never {
        settle(file: socket, socket: socket, parent: parent)
        let trouble = prepare(work, engine) ?? Canaries.trouble(with: engine, in: work.folder)
        _exit(send(trouble.map { .failed($0) } ?? .ready(engine.info), on: FileDescriptor(owning: Self.socket)))
    }

    private static func answer(_ work: Work, _ engine: Engine) -> Int32 {
        let answers = FileDescriptor(owning: Self.socket)
        guard receivedGo(answers) else { return 3 }
        if let trouble = prepare(work, engine) {
            // Nothing of the file was read: this is no verdict on it.
            return send(.refused(trouble), on: answers)
        }
        var scan = FileScan(engine)
        return send(.verdict(scan.verdict(on: FileDescriptor(owning: Self.file), size: work.size)), on: answers)
    }

    /// Keeps two descriptors, at known numbers, and the standard three; those of other scans are closed.
    private static func settle(file: Int32, socket: Int32, parent: Int32) {
        guard sluice_die_with_parent() == 0, getppid() == parent else { _exit(3) }
        let keptFile = fcntl(file, F_DUPFD, 16)
        let keptSocket = fcntl(socket, F_DUPFD, 16)
        guard keptFile >= 0, keptSocket >= 0, dup2(keptFile, Self.file) >= 0, dup2(keptSocket, Self.socket) >= 0,
            sluice_close_from(5) == 0
        else { _exit(3) }
    }

    private static func receivedGo(_ socket: borrowing FileDescriptor) -> Bool {
        do throws(Errno) {
            guard let message = try socket.receiveMessage(limit: WireMessage.limit) else { return false }
            return WireMessage(message.bytes) == .go
        } catch {
            return false
        }
    }

    private static func prepare(_ work: Work, _ engine: Engine) -> String? {
        do throws(EngineFailure) {
            try engine.use(folder: work.folder, deadline: work.deadline)
        } catch {
            return error.message
        }
        guard chdir(work.folder) == 0 else { return "the scratch folder cannot be entered: \(Errno(code: errno))" }
        return work.isJailed ? Jail.enter(folder: work.folder, deadline: work.deadline) : nil
    }

    private static func send(_ message: WireMessage, on socket: borrowing FileDescriptor) -> Int32 {
        do throws(Errno) {
            // In the jail a socket may be written to like any file, and no more.
            try socket.append(message.bytes)
            return 0
        } catch {
            return 4
        }
    }
}
