internal import Synchronization

/// A body that is made while it is sent: one task writes, another awaits the answer. The writer waits while about `buffer`
/// bytes have not left yet, so that a slow server slows it and nothing piles up. It cannot be sent twice: a request whose
/// connection proves dead before its answer fails.
package final class ClientBody: Sendable {
    enum Piece { case bytes(Int), wait, end, failed }

    fileprivate struct State {
        var bytes: [UInt8] = []
        var start = 0
        var isFinished = false
        var hasFailed = false
        /// The request is over, however it ended.
        var isOver = false
        /// libcurl waits for more.
        var isHungry = false
        var wake: (@Sendable () -> Void)?
        var writer: CheckedContinuation<Void, Never>?

        var waiting: Int { bytes.count - start }
    }

    /// Nil is not known: the body is sent in chunks.
    package let count: Int64?
    private let limit: Int
    private let state = Mutex(State())

    package init(count: Int64?, buffer: Int = 262_144) {
        self.count = count
        limit = max(1, buffer)
    }

    // MARK: The writer, one task

    /// Returns when there is room for more.
    package func write(_ bytes: [UInt8]) async throws(ClientFailure) {
        let wake = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isOver, !state.isFinished, !bytes.isEmpty else { return nil }
            state.bytes.append(contentsOf: bytes)
            return state.woken()
        }
        wake?()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isRoom = state.withLock { state in
                    if state.isOver || state.waiting < limit || Task.isCancelled { return true }
                    precondition(state.writer == nil, "two tasks write one body")
                    state.writer = continuation
                    return false
                }
                if isRoom { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.leave() }?.resume()
        }
        if Task.isCancelled { throw .cancelled }
        if state.withLock(\.isOver) { throw ClientFailure(.cancelled, "The request is over, its body is not.") }
    }

    /// All was written.
    package func finish() { end { $0.isFinished = true } }

    /// There will be no more, though it is not all: the request fails.
    package func fail() { end { $0.hasFailed = true } }

    private func end(_ change: (inout State) -> Void) {
        let wake = state.withLock { state in
            change(&state)
            return state.woken()
        }
        wake?()
    }

    // MARK: The client's thread

    func begin(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

    func take(into buffer: UnsafeMutableRawBufferPointer) -> Piece {
        let (piece, writer) = state.withLock { state -> (Piece, CheckedContinuation<Void, Never>?) in
            if state.hasFailed { return (.failed, nil) }
            let count = min(buffer.count, state.waiting)
            guard count > 0 else {
                if state.isFinished { return (.end, nil) }
                state.isHungry = true
                return (.wait, nil)
            }
            state.bytes.withUnsafeBytes {
                buffer.copyMemory(from: .init(rebasing: $0[state.start..<state.start + count]))
            }
            state.start += count
            if state.waiting == 0 {
                state.bytes.removeAll(keepingCapacity: true)
                state.start = 0
            }
            return (.bytes(count), state.waiting < limit ? state.leave() : nil)
        }
        writer?.resume()
        return piece
    }

    func over() {
        let writer = state.withLock { state in
            state.isOver = true
            state.wake = nil
            state.bytes = []
            state.start = 0
            return state.leave()
        }
        writer?.resume()
    }
}

extension ClientBody.State {
    /// Whom to wake because there is something to take.
    fileprivate mutating func woken() -> (@Sendable () -> Void)? {
        defer { isHungry = false }
        return isHungry ? wake : nil
    }

    fileprivate mutating func leave() -> CheckedContinuation<Void, Never>? {
        defer { writer = nil }
        return writer
    }
}
