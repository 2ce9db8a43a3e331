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

    package func paused() throws -> Set<Queue> { try paused(tx.connection.query(pausedQuestion.sql, [])) }

    var pausedQuestion: SQLQuestion { SQLQuestion("select queue from paused_queues", []) }

    func paused(_ rows: [SQLRow]) throws -> Set<Queue> {
        Set(
            try rows.map {
                var row = $0
                return try row.state()
            })
    }

    /// How many jobs wait, due or not.
    package func depth(_ queue: Queue) throws -> Int {
        try tx.counters.sum(JobMoves.scope(queue), JobState.queued.rawValue)
    }

    /// Throws `.queueFull` unless fewer than `maximum` jobs wait.
    package func admit(_ queue: Queue, below maximum: Int) throws {
        let depth = try depth(queue)
        guard depth >= maximum else { return }
        throw LedgerFailure(
            .queueFull(queue: queue, depth: depth, maximum: maximum, wait: try wait(queue, depth - maximum + 1)),
            "The queue \(queue.rawValue) holds \(depth) jobs; \(maximum) is its limit.")
    }

    /// How long until so many jobs will have left the queue, if it goes on as with the last hundred that were done: from a
    /// second to five minutes, a minute where nothing was done.
    func wait(_ queue: Queue, _ count: Int) throws -> Duration {
        let done = try tx.connection.query(
            """
            select finished_at from jobs where queue = $1 and state = 'done' order by created_at desc, id desc limit 100
            """, [.state(queue)]
        ).map {
            var row = $0
            return try row.time()
        }
        guard let first = done.min() else { return .seconds(60) }
        let each = max((tx.now - first).microseconds, 0) / Int64(done.count)
        let wait = each.multipliedReportingOverflow(by: Int64(count))
        return .microseconds(min(max(wait.overflow ? .max : wait.partialValue, 1_000_000), 300_000_000))
    }

    package func counts(_ queue: Queue) throws -> [JobState: Int] {
        try tx.counters.sums(JobMoves.scope(queue)).reduce(into: [:]) { counts, entry in
            if let state = JobState(rawValue: entry.key) { counts[state] = entry.value }
        }
    }

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

    /// Tenants that have a due job, who has had least first. Their rows are the caller's until its transaction ends. What
    /// another claimer has is left to it; with `isWaiting` it is waited for.
    func tenantsQuestion(
        _ queue: Queue, after: (finish: Timestamp, tenant: TenantID)?, limit: Int, isWaiting: Bool = false
    ) -> SQLQuestion {
        SQLQuestion(
            """
            select tenant, finish from queue_shares
            where queue = $1 and next_at is not null and next_at <= $2 and (finish, tenant) > ($3, $4)
            order by finish, tenant limit $5\(isWaiting ? tx.connection.held : tx.connection.heldUnlessTaken)
            """,
            [
                .state(queue), .time(tx.now), .integer(after?.finish.microseconds ?? -1),
                .text(after?.tenant.text ?? ""), .integer(limit),
            ])
    }

    /// What a claim charged a tenant. Without `nextAt` it is looked up when the tenant's next job is due, if it has one:
    /// priority by priority, each a step in the index.
    func charge(_ queue: Queue, _ tenant: TenantID, finish: Timestamp, nextAt: Timestamp?) throws {
        let values: [SQLValue] = [.state(queue), .id(tenant), .time(finish)]
        if let nextAt {
            return try tx.connection.perform(
                "update queue_shares set finish = $3, next_at = $4 where queue = $1 and tenant = $2",
                values + [.time(nextAt)])
        }
        try tx.connection.perform(
            """
            update queue_shares set finish = $3, next_at = (
              with recursive \(Jobs.priorities)
              select min((select run_at from jobs where state = 'queued' and queue = $1 and tenant = $2
                and priority = priorities.priority order by run_at limit 1))
              from priorities where priority is not null)
            where queue = $1 and tenant = $2
            """, values)
    }

    /// No job of this tenant is claimed from here until the transaction ends. Whoever changes a queued job holds this.
    func hold(_ queue: Queue, _ tenant: TenantID) throws {
        guard !tx.connection.held.isEmpty else { return }
        try tx.connection.perform(
            "select 1 from queue_shares where queue = $1 and tenant = $2\(tx.connection.held)",
            [.state(queue), .id(tenant)])
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
