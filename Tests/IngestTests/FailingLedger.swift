import Ledger
import Synchronization

/// A ledger that fails writes of one label when told to, as one does that is away or full for a moment.
final class FailingLedger: LedgerStore {
    private let ledger: any LedgerStore
    private let failures = Mutex<[String: [LedgerFailure]]>([:])

    init(_ ledger: any LedgerStore) { self.ledger = ledger }

    func fail(_ label: String, _ kind: LedgerFailure.Kind = .unavailable, times: Int = 1) {
        let failure = LedgerFailure(kind, "The test says so.")
        failures.withLock { $0[label] = Array(repeating: failure, count: times) }
    }

    func write<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        if let failure = failures.withLock({ $0[label.description]?.popLast() }) { throw failure }
        return try await ledger.write(label, body)
    }

    func read<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T { try await ledger.read(label, body) }

    var hints: Hints { ledger.hints }
    func close() async { await ledger.close() }
}
