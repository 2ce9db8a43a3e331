import Core

/// Jobs that one transaction brings from state to state, gathered so that the kept counts are written in one statement. A
/// queue's jobs are counted in every state, a tenant's in those that many reach: what has ended.
struct JobMoves {
    private(set) var deltas: [Counters.Entry: Int64] = [:]

    /// Nil where a job is new, or is gone.
    mutating func add(_ queue: Queue, _ tenant: TenantID, _ from: JobState?, to: JobState?) {
        for (state, delta) in [(from, Int64(-1)), (to, 1)] {
            guard let state else { continue }
            deltas[Counters.Entry(scope: Self.scope(queue), item: state.rawValue), default: 0] += delta
            guard Self.ends.contains(state) else { continue }
            deltas[Counters.Entry(scope: Self.scope(queue, tenant), item: state.rawValue), default: 0] += delta
        }
    }

    static let ends: Set<JobState> = [.done, .dead, .cancelled]

    static func scope(_ queue: Queue) -> String { "jobs:\(queue.rawValue)" }
    static func scope(_ queue: Queue, _ tenant: TenantID) -> String { "jobs:\(queue.rawValue):\(tenant)" }
}

extension Transaction {
    func count(_ moves: JobMoves) throws { try counters.add(moves.deltas) }

    /// Of one job.
    func count(_ queue: Queue, _ tenant: TenantID, _ from: JobState?, to: JobState?) throws {
        var moves = JobMoves()
        moves.add(queue, tenant, from, to: to)
        try count(moves)
    }
}
