package import Core

extension LedgerFailure {
    /// What a client is answered.
    package var refusal: Refusal {
        switch kind {
        case .full: Refusal(.insufficientStorage, cause: message)
        case .queueFull(let queue, let depth, let maximum, let wait):
            Refusal(
                .queueOverloaded,
                details: [
                    JSON.object([
                        ("queue", .string(queue.rawValue)), ("queueDepth", .integer(Int64(depth))),
                        ("maxQueueDepth", .integer(Int64(maximum))),
                    ]).text
                ], fields: [("Retry-After", String(max(1, (wait.microseconds + 999_999) / 1_000_000)))])
        case .unavailable, .overloaded, .raced:
            .unavailable("The database is temporarily unavailable. Retry the request.", cause: message)
        case .refused, .readOnly, .corrupt, .newerSchema, .changedMigration, .closed, .conflict, .program:
            Refusal(.internal, cause: message)
        }
    }
}
