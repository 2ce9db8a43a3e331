import Core
import Ledger
import Worker

/// What is done at night, as a job of the queue `sweep`: it is retried, seen in the lists, and done by one node.
struct Maintenance: Sendable {
    static let kind = "maintenance"

    let ledger: any LedgerStore
    let time: any TimeSource

    /// Rows of the audit older than this are dropped.
    static let auditAge = Duration.seconds(365 * 86_400)

    /// In UTC, and in small steps: nobody knows where it is night for the listeners.
    static func schedule() -> [ScheduledJob] {
        guard let night = CronExpression("17 3 * * *") else { preconditionFailure("the schedule is written above") }
        return [ScheduledJob("nightly", at: night, NewJob(kind: kind, queue: .sweep, tenant: .operatorsOwn))]
    }

    func run(_ job: ClaimedJob) async throws -> Settlement {
        let before = time.now - Self.auditAge
        while try await ledger.write("audit.forget", { try $0.audit.forget(before: before, limit: 200) }) > 0 {}
        return .done
    }
}
