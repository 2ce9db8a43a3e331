/// A body that waits for its transaction, with what its caller gets told. All of it is immutable, so it may cross to the
/// connection's thread.
struct LedgerRequest: Sendable {
    /// A body that has run. Its caller is answered when its transaction's fate is known: nil for committed.
    struct Ran {
        let failure: (any Error)?
        let answer: (LedgerFailure?) -> Void
    }

    let label: StaticString
    let run: (@Sendable (Transaction) -> Ran)
    let refuse: @Sendable (LedgerFailure) -> Void

    init<T: Sendable>(
        _ label: StaticString, _ continuation: CheckedContinuation<T, any Error>,
        _ body: @escaping @Sendable (Transaction) throws -> T
    ) {
        self.label = label
        run = { tx in
            do {
                let value = try body(tx)
                return Ran(failure: nil) { failure in
                    if let failure {
                        continuation.resume(throwing: failure)
                    } else {
                        continuation.resume(returning: value)
                    }
                }
            } catch {
                return Ran(failure: error) { _ in continuation.resume(throwing: error) }
            }
        }
        refuse = { continuation.resume(throwing: $0) }
    }
}
