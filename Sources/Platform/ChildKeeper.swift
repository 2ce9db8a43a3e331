internal import CLinux
internal import Glibc
internal import Synchronization

/// The thread that spawns every child, drains their standard errors, keeps their deadlines and reaps them.
///
/// It lives as long as the process, and that is its point: PR_SET_PDEATHSIG follows the thread that spawned, so a child of any
/// other thread would die with that thread.
final class ChildKeeper: Sendable {
    /// Started with the first child.
    static let shared: Result<ChildKeeper, Errno> = {
        do throws(Errno) { return .success(try ChildKeeper()) } catch { return .failure(error) }
    }()

    private struct Request: Sendable {
        let spec: ProcessSpec
        let answer: @Sendable (Result<ChildProcess, Errno>) -> Void
    }

    private let requests = Mutex<[Request]>([])
    private let bell: EventSignal

    private init() throws(Errno) {
        bell = try EventSignal()
        _ = try OSThread(name: "children") { self.run() }
    }

    static func wake() {
        if case .success(let keeper) = shared { keeper.bell.raise() }
    }

    /// Blocks for the millisecond or two that a spawn takes.
    func spawn(_ spec: ProcessSpec) throws(Errno) -> ChildProcess {
        let gate = Gate<Result<ChildProcess, Errno>?>(nil)
        requests.withLock { $0.append(Request(spec: spec) { result in gate.change { $0 = result } }) }
        bell.raise()
        return try gate.wait { $0 }.get()
    }

    private func run() {
        var children: [ChildProcess] = []
        var set = PollSet()
        while true {
            set.removeAll()
            set.add(bell.raw, .read)
            for child in children {
                set.add(child.pidfd, .read)
                if let error = child.openError { set.add(error, .read) }
            }
            let deadline = children.lazy.map(\.deadline).min() ?? .never
            let ready: Set<Int32>
            do throws(Errno) {
                ready = Set(try set.wait(until: deadline).map(\.descriptor))
            } catch {
                // Memory is short: the children are looked at all the same, and poll is asked again.
                ready = Set(children.flatMap { [$0.pidfd, $0.openError ?? -1] })
            }
            bell.lower()
            children.removeAll { child in
                if child.deadline.isPast { child.expire() }
                if let error = child.openError, ready.contains(error) { child.drainError() }
                guard ready.contains(child.pidfd) else { return false }
                child.drainError()
                return child.reap()
            }
            let asked = requests.withLock { requests in
                defer { requests = [] }
                return requests
            }
            for request in asked {
                let result = Result { () throws(Errno) in try Spawn.run(request.spec) }
                if case .success(let child) = result { children.append(child) }
                request.answer(result)
            }
        }
    }

    /// Takes the end of a child that has one, which removes its zombie.
    static func collect(_ pidfd: Int32) -> ProcessEnd? {
        var code: Int32 = 0
        var status: Int32 = 0
        switch sluice_wait_pidfd(pidfd, &code, &status) {
        case 0: return nil
        case 1: return code == Int32(CLD_EXITED) ? .exited(status) : .signalled(status)
        // Somebody else took it, which only a process that ignores SIGCHLD does. It is gone, its answer too.
        default: return .signalled(SIGKILL)
        }
    }
}
