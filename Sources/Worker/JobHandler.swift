package import Core
package import Ledger

/// What works one kind of job. It is cancelled when the lease is lost or the pool drains, and then ends soon.
package typealias JobHandler = @Sendable (ClaimedJob, WorkerContext) async throws -> Settlement

package struct WorkerContext: Sendable {
    package let ledger: any LedgerStore
    package let time: any TimeSource
    package let node: NodeID

    package init(ledger: any LedgerStore, time: any TimeSource, node: NodeID) {
        self.ledger = ledger
        self.time = time
        self.node = node
    }
}

/// What a handler that came to its end says of the job.
package enum Settlement: Sendable, Equatable {
    /// The pool settles it.
    case done
    /// It was settled in the handler's own transaction, together with its effect.
    case settled
    /// Nothing to do before then; no attempt is burned.
    case postponed(until: Timestamp)
    /// Final, with its reason.
    case dead(error: String)
}

/// What else becomes true when a job of a kind is dead. It is written in the transaction that buries the job, whoever does
/// that: the worker, the sweep of leases that ran out, or a node that starts again.
package struct DeadEnds: Sendable {
    package typealias Body = @Sendable (JobRow, Transaction) throws -> Void

    private let bodies: [String: Body]

    /// By kind of job.
    package init(_ bodies: [String: Body] = [:]) { self.bodies = bodies }

    package func reached(by job: JobRow, in tx: Transaction) throws { try bodies[job.kind]?(job, tx) }
}

/// Thrown by a handler: the same work may succeed later. Anything else that is thrown is final, but for ledger failures,
/// which say it of themselves.
package struct Passing: Error, CustomStringConvertible {
    package let reason: String
    /// At least so long: a receiver's `Retry-After`.
    package let wait: Duration?

    package init(_ reason: String, wait: Duration? = nil) {
        self.reason = reason
        self.wait = wait
    }

    package var description: String { reason }
}

/// How an attempt that threw ends: decided purely.
package struct AttemptEnd: Sendable {
    package static func outcome(
        of error: any Error, attempt: Int, maximumAttempts: Int, policy: RetryPolicy, now: Timestamp,
        random: Double = Double.random(in: 0..<1)
    ) -> JobOutcome {
        let reason = "\(error)"
        let passing = error as? Passing
        guard passing != nil || (error as? LedgerFailure)?.isPassing == true else { return .dead(error: reason) }
        guard attempt < maximumAttempts, let wait = policy.wait(after: attempt, random: random)
        else { return .dead(error: reason) }
        return .retry(at: now + max(wait, passing?.wait ?? .zero), error: reason)
    }
}
