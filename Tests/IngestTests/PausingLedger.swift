import Ledger
import Synchronization

/// A ledger that holds back the first write of some labels until a test lets it go on: so two callers meet in the order
/// that the test wants.
final class PausingLedger: LedgerStore {
    private struct State {
        var labels: Set<String> = []
        var held: CheckedContinuation<Void, Never>?
        var isSettled = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let ledger: any LedgerStore
    private let state = Mutex(State())

    init(_ ledger: any LedgerStore) { self.ledger = ledger }

    /// Runs `first` up to its write of one of the labels, then all of `second`, then the rest of `first`. A `first` without
    /// such a write simply comes first.
    func interleave<A: Sendable, B: Sendable>(
        at labels: Set<String>, _ first: @escaping @Sendable () async -> A, _ second: () async -> B
    ) async -> (A, B) {
        state.withLock { $0 = State(labels: labels) }
        async let early = {
            let result = await first()
            settle { $0.labels = [] }
            return result
        }()
        await reached()
        let late = await second()
        state.withLock { state in
            defer { state.held = nil }
            return state.held
        }?.resume()
        return (await early, late)
    }

    private func settle(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            defer { state.waiter = nil }
            state.isSettled = true
            return state.waiter
        }?.resume()
    }

    private func reached() async {
        await withCheckedContinuation { continuation in
            let isSettled = state.withLock { state in
                if !state.isSettled { state.waiter = continuation }
                return state.isSettled
            }
            if isSettled { continuation.resume() }
        }
    }

    func write<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        let pauses = state.withLock { state in
            guard state.labels.contains(label.description) else { return false }
            state.labels = []
            return true
        }
        if pauses {
            await withCheckedContinuation { continuation in settle { $0.held = continuation } }
        }
        return try await ledger.write(label, body)
    }

    func read<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T { try await ledger.read(label, body) }

    var hints: Hints { ledger.hints }
    func close() async { await ledger.close() }
}
