import Ledger
import Synchronization

/// A ledger that counts its writes by label, and that a test may take away.
final class CountedLedger: LedgerStore {
    private struct State {
        var writes: [String: Int] = [:]
        var isAway = false
    }

    private let ledger: any LedgerStore
    private let state = Mutex(State())

    init(_ ledger: any LedgerStore) { self.ledger = ledger }

    var hints: Hints { ledger.hints }
    var writes: [String: Int] { state.withLock(\.writes) }

    func takeAway() {
        state.withLock { $0 = State(isAway: true) }
    }

    func write<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        let isAway = state.withLock { state in
            state.writes["\(label)", default: 0] += 1
            return state.isAway
        }
        if isAway { throw LedgerFailure(.unavailable, "The ledger is away.") }
        return try await ledger.write(label, body)
    }

    func read<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await ledger.read(label, body)
    }

    func close() async { await ledger.close() }
}
