import Core
package import Ledger

/// What the pool tells of its work, for logs and metrics.
package enum WorkerReport: Sendable {
    case began(ClaimedJob)
    /// How it was settled; nil when its handler did that itself.
    case ended(ClaimedJob, JobOutcome?, took: Duration)
    /// Somebody else has the job by now; what this worker did of it hit nothing.
    case leaseLost(ClaimedJob)
    case noHandler(ClaimedJob)
    /// The handler did not end within the drain's time; its job was given back without it.
    case abandoned(ClaimedJob)
    /// The ledger could not be asked; it is tried again.
    case ledger(operation: String, error: String)
}
