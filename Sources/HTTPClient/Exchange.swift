internal import Synchronization

/// What the client's thread and the task that asked share: the answer as far as it came, and how it ended.
final class Exchange: Sendable {
    enum Want { case head, bytes, ending }

    private struct State {
        var head: HeadReader?
        var bytes: [UInt8] = []
        var ending: Result<Void, ClientFailure>?
        var isPaused = false
        var waiter: (want: Want, continuation: CheckedContinuation<Void, Never>)?

        func has(_ want: Want) -> Bool {
            switch want {
            case .head: head != nil || ending != nil
            case .bytes: !bytes.isEmpty || ending != nil
            case .ending: ending != nil
            }
        }

        /// Whoever waits for what is there now.
        mutating func satisfied() -> CheckedContinuation<Void, Never>? {
            guard let waiter, has(waiter.want) else { return nil }
            self.waiter = nil
            return waiter.continuation
        }
    }

    /// Past it the server is not read until the reader took some.
    private let bufferLimit: Int
    private let state = Mutex(State())

    init(bufferLimit: Int) { self.bufferLimit = bufferLimit }

    // MARK: The client's thread

    func began(_ head: HeadReader) { change { $0.head = head } }

    /// False when it must wait: these bytes are handed over again later.
    func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var isTaken = true
        change { state in
            if state.bytes.count >= bufferLimit {
                state.isPaused = true
                isTaken = false
            } else {
                state.bytes.append(contentsOf: bytes)
            }
        }
        return isTaken
    }

    func ended(_ ending: Result<Void, ClientFailure>) { change { if $0.ending == nil { $0.ending = ending } } }

    private func change(_ body: (inout State) -> Void) {
        let waiter = state.withLock { state in
            body(&state)
            return state.satisfied()
        }
        waiter?.resume()
    }

    // MARK: The task

    /// One task at a time.
    func wait(for want: Want) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.has(want) { return true }
                precondition(state.waiter == nil, "two tasks read one stream")
                state.waiter = (want, continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    var head: HeadReader? { state.withLock(\.head) }
    var ending: Result<Void, ClientFailure>? { state.withLock(\.ending) }

    /// What waited, and whether the server must be read again.
    func takeBytes() -> (bytes: [UInt8], wasPaused: Bool) {
        state.withLock { state in
            defer {
                state.bytes = []
                state.isPaused = false
            }
            return (state.bytes, state.isPaused)
        }
    }
}
