package import Core

/// What is kept about queues: paused or not, how deep, and what each tenant has had of them.
package struct Queues {
    let tx: Transaction

    package func pause(_ queue: Queue) throws {
        _ = try tx.connection.execute(
            "insert into paused_queues (queue, paused_at) values ($1, $2)\(tx.connection.dialect.orIgnore)",
            [.state(queue), .time(tx.now)])
    }

    package func resume(_ queue: Queue) throws {
        _ = try tx.connection.execute("delete from paused_queues where queue = $1", [.state(queue)])
        tx.hint(.jobs)
    }

    package func paused() throws -> Set<Queue> {
        Set(
            try tx.connection.query("select queue from paused_queues", []).map {
                var row = $0
                return try row.state()
            })
    }

    /// How many jobs wait, due or not.
    package func depth(_ queue: Queue) throws -> Int { try tx.counters.sum(scope(queue), JobState.queued.rawValue) }

    package func counts(_ queue: Queue) throws -> [JobState: Int] {
        try tx.counters.sums(scope(queue)).reduce(into: [:]) { counts, entry in
            if let state = JobState(rawValue: entry.key) { counts[state] = entry.value }
        }
    }

    func count(_ queue: Queue, _ state: JobState, _ delta: Int64) throws {
        try tx.counters.add(scope(queue), state.rawValue, delta)
    }

    private func scope(_ queue: Queue) -> String { "jobs:\(queue.rawValue)" }

    /// A job of this tenant will be due at `runAt`.
    func expect(_ queue: Queue, _ tenant: TenantID, at runAt: Timestamp) throws {
        let values: [SQLValue] = [.state(queue), .id(tenant), .time(runAt)]
        // The row is locked even where it stays as it is: a claimer that looks for this tenant's next job meanwhile would
        // not see this one, and must not have the last word on when it is due.
        try tx.connection.perform(
            """
            insert into queue_shares (queue, tenant, finish, next_at) values ($1, $2, 0, $3)
            on conflict (queue, tenant) do update set next_at = excluded.next_at
            where queue_shares.next_at is null or queue_shares.next_at > excluded.next_at
            """, values)
        tx.hint(.jobs)
    }

    /// Tenants that have a due job, who has had least first. Their rows are the caller's until its transaction ends; what
    /// another claimer has is left to it, unless it has everything: then there is waiting.
    func tenants(
        _ queue: Queue, after: (finish: Timestamp, tenant: TenantID)?, limit: Int
    ) throws -> [(tenant: TenantID, finish: Timestamp)] {
        let free = try tenants(queue, after: after, limit: limit, tx.connection.heldUnlessTaken)
        guard free.isEmpty, after == nil, !tx.connection.heldUnlessTaken.isEmpty else { return free }
        return try tenants(queue, after: nil, limit: 1, tx.connection.held)
    }

    private func tenants(
        _ queue: Queue, after: (finish: Timestamp, tenant: TenantID)?, limit: Int, _ held: String
    ) throws -> [(tenant: TenantID, finish: Timestamp)] {
        try tx.connection.query(
            """
            select tenant, finish from queue_shares
            where queue = $1 and next_at is not null and next_at <= $2 and (finish, tenant) > ($3, $4)
            order by finish, tenant limit $5\(held)
            """,
            [
                .state(queue), .time(tx.now), .integer(after?.finish.microseconds ?? -1),
                .text(after?.tenant.text ?? ""), .integer(limit),
            ]
        ).map {
            var row = $0
            return (try row.id(), try row.time())
        }
    }

    func set(_ queue: Queue, _ tenant: TenantID, finish: Timestamp, nextAt: Timestamp?) throws {
        try tx.connection.perform(
            "update queue_shares set finish = $3, next_at = $4 where queue = $1 and tenant = $2",
            [.state(queue), .id(tenant), .time(finish), .time(nextAt)])
    }

    /// Drops tenants that wait for nothing and owe nothing; how many.
    package func forgetIdle(limit: Int) throws -> Int {
        let idle = try tx.connection.query(
            "select queue, tenant from queue_shares where next_at is null and finish < $1 order by finish limit $2",
            [.time(tx.now), .integer(limit)])
        for var row in idle {
            _ = try tx.connection.execute(
                "delete from queue_shares where queue = $1 and tenant = $2 and next_at is null",
                [.text(try row.text()), .text(try row.text())])
        }
        return idle.count
    }
}
