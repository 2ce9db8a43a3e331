internal import Glibc
internal import Synchronization

/// A child in a process group of its own. It is reaped when it ends, whether anybody waits or not, and whatever is left of its
/// group is killed then. Letting go of the handle does not end it: whoever spawned it waits for it or kills it.
package final class ChildProcess: Sendable {
    package let pid: Int32
    private let pidfdOwner: FileDescriptor
    private let errorOwner: SharedDescriptor?
    private let errorLimit: Int
    private let state: Mutex<State>

    struct State: ~Copyable, Sendable {
        var input: FileDescriptor?
        var output: FileDescriptor?
        var end: ProcessEnd?
        var hasTimedOut = false
        var deadline = Deadline.never
        var errorIsOpen: Bool
        var tail: [UInt8] = []
        var waiters: [@Sendable (ProcessEnd) -> Void] = []
    }

    /// Spawns from the one thread that spawns all children, and returns once the program runs. A program that cannot be
    /// executed is an error here.
    package static func spawn(_ spec: ProcessSpec) throws(Errno) -> ChildProcess {
        // A program may end at any moment: what is written to it then must fail, and not end this process.
        if case .pipe = spec.input { Signals.ignorePipe() }
        return try ChildKeeper.shared.get().spawn(spec)
    }

    init(pid: Int32, pidfd: consuming FileDescriptor, pipes: consuming ChildPipes, errorLimit: Int) {
        self.pid = pid
        self.errorLimit = errorLimit
        pidfdOwner = pidfd
        errorOwner = pipes.error
        state = Mutex(
            State(input: pipes.input.take(), output: pipes.output.take(), errorIsOpen: pipes.error != nil))
    }

    /// Readable once the child has ended.
    package var pidfd: Int32 { pidfdOwner.raw }

    /// Our end of its input, non-blocking, once. Closing it is the end of the input.
    package func takeInput() -> FileDescriptor? { state.withLock { $0.input.take() } }
    /// Our end of its output, non-blocking, once.
    package func takeOutput() -> FileDescriptor? { state.withLock { $0.output.take() } }

    /// The last that it wrote to its standard error; complete once it has ended.
    package var errorText: String {
        String(decoding: state.withLock { $0.tail.suffix(errorLimit) }, as: UTF8.self)
    }

    package var isRunning: Bool { state.withLock { $0.end == nil } }

    // MARK: Ending

    /// Kills the whole group; nothing if it has ended. Safe from any thread.
    package func kill() { signal(SIGKILL) }

    /// Signals the whole group. Under the lock that reaping takes, so that the number is still its own.
    package func signal(_ number: Int32) {
        state.withLock { state in
            if state.end == nil { _ = Glibc.kill(-pid, number) }
        }
    }

    /// Waits for the end; kills at the deadline, and when the waiting task is cancelled: then nobody would take care of it.
    @discardableResult
    package func wait(deadline: Duration? = nil) async -> ProcessEnd {
        bound(deadline)
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                whenEnded { continuation.resume(returning: $0) }
            }
        } onCancel: {
            kill()
        }
    }

    /// The same for a thread that may block.
    @discardableResult
    package func waitBlocking(deadline: Duration? = nil) -> ProcessEnd {
        bound(deadline)
        let gate = Gate<ProcessEnd?>(nil)
        whenEnded { end in gate.change { $0 = end } }
        return gate.wait { $0 }
    }

    private func bound(_ deadline: Duration?) {
        guard let deadline else { return }
        let moment = Deadline.after(deadline)
        state.withLock { $0.deadline = min($0.deadline, moment) }
        ChildKeeper.wake()
    }

    private func whenEnded(_ body: @escaping @Sendable (ProcessEnd) -> Void) {
        let end = state.withLock { state -> ProcessEnd? in
            if state.end == nil { state.waiters.append(body) }
            return state.end
        }
        if let end { body(end) }
    }
}

// MARK: The keeper's side, on its thread

extension ChildProcess {
    var deadline: Deadline { state.withLock { $0.deadline } }

    var openError: Int32? {
        state.withLock { $0.errorIsOpen } ? errorOwner?.raw : nil
    }

    func expire() {
        state.withLock { state in
            state.deadline = .never
            state.hasTimedOut = true
        }
        kill()
    }

    /// A bounded share of what waits, so that one loud child does not keep the others waiting.
    func drainError() {
        guard openError != nil, let errorOwner else { return }
        for _ in 0..<16 {
            do throws(Errno) {
                switch try errorOwner.descriptor.readAvailable(upTo: 65_536) {
                case .wouldBlock: return
                case .end:
                    state.withLock { $0.errorIsOpen = false }
                    return
                case .bytes(let bytes):
                    state.withLock { state in
                        state.tail += bytes
                        if state.tail.count > 2 * errorLimit { state.tail = Array(state.tail.suffix(errorLimit)) }
                    }
                }
            } catch {
                state.withLock { $0.errorIsOpen = false }
                return
            }
        }
    }

    /// True once it has been reaped; from then on its number may be somebody else's.
    func reap() -> Bool {
        let (end, waiters) = state.withLock { state -> (ProcessEnd?, [@Sendable (ProcessEnd) -> Void]) in
            // Still a zombie, so the group's number is taken: what is left in it can be killed without hitting others.
            _ = Glibc.kill(-pid, SIGKILL)
            guard let end = ChildKeeper.collect(pidfdOwner.raw) else { return (nil, []) }
            state.end = state.hasTimedOut ? .timedOut : end
            defer { state.waiters = [] }
            return (state.end, state.waiters)
        }
        guard let end else { return false }
        for waiter in waiters { waiter(end) }
        return true
    }
}
