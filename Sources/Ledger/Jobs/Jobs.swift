package import Core

/// The queue's rows: enqueue, settle, look up. How they are claimed is in `Jobs+claim`, how leases end by themselves in
/// `Jobs+recover`.
///
///     queued ─claim▶ running ─▶ done │ dead │ cancelled
///        ▲  retry, returned │           │
///        └──────────────────┴───replay──┘
package struct Jobs {
    package struct Enqueued: Sendable, Equatable {
        package let id: JobID
        /// False when a live job had the unique key already: `id` is that one's.
        package let isNew: Bool
    }

    let tx: Transaction

    /// Throws `.queueFull` past `maximumDepth` queued jobs of the queue.
    @discardableResult
    package func enqueue(_ job: NewJob, maximumDepth: Int = .max) throws -> Enqueued {
        if maximumDepth < .max {
            if let key = job.uniqueKey, let live = try live(key) { return Enqueued(id: live, isNew: false) }
            try tx.queues.admit(job.queue, below: maximumDepth)
        }
        let id = JobID.make()
        let runAt = job.runAt ?? tx.now
        let changed = try tx.connection.execute(
            Self.insertion + tx.connection.dialect.orIgnore,
            [
                .id(id), .text(job.kind), .state(job.queue), .id(job.tenant), .id(job.trackID), .id(job.uploadID),
                .text(Payload.encode(job.payload)), .text(job.uniqueKey), .integer(job.priority), .time(runAt),
                .id(job.pinnedNode), .id(job.requestID), .integer(job.maximumAttempts), .time(tx.now),
            ])
        if changed == 0 {
            // A live one has the key.
            if let key = job.uniqueKey, let live = try live(key) { return Enqueued(id: live, isNew: false) }
            throw LedgerFailure(.raced, "A job with this key was made and ended meanwhile.")
        }
        try tx.count(job.queue, job.tenant, nil, to: .queued)
        try tx.queues.expect(job.queue, job.tenant, at: runAt)
        return Enqueued(id: id, isNew: true)
    }

    private static let insertion = """
        insert into jobs (id, kind, queue, tenant, track_id, upload_id, payload, unique_key, priority, run_at,
        pinned_node, request_id, maximum_attempts, created_at, state, attempt, interruptions)
        values (\(placeholders(14)), 'queued', 0, 0)
        """

    /// True while the lease holds; it then holds for `duration` from now.
    package func renew(_ lease: Lease, for duration: Duration) throws -> Bool {
        try tx.connection.execute(
            "update jobs set lease_expires = $3 where id = $1 and lease_token = $2 and state = 'running'",
            [.id(lease.job), .integer(lease.token), .time(tx.now + duration)]) > 0
    }

    /// False when the lease was lost. While this transaction lasts nobody finds the job ended, or ends it: for bodies that
    /// decide whether there is more for it to do.
    package func hold(_ lease: Lease) throws -> Bool { try held(lease) != nil }

    /// False when the lease was lost: nothing is changed then, and the caller must roll back what it meant to commit with it.
    package func settle(_ lease: Lease, _ outcome: JobOutcome) throws -> Bool {
        if outcome == .done { return try !settle([lease]).isEmpty }
        guard let held = try held(lease) else { return false }
        switch outcome {
        case .done: break
        case .dead(let error):
            try note(held, error)
            try finish(held, .dead, error: error)
        case .retry(let at, let error):
            try note(held, error)
            try requeue(held, runAt: at, attempt: held.attempt, error: error)
        case .returned:
            try requeue(held, runAt: held.runAt, attempt: held.attempt - 1, error: nil)
        case .postponed(let until):
            try requeue(held, runAt: until, attempt: held.attempt - 1, error: nil)
        }
        return true
    }

    /// Jobs that are done, those of one claim in one statement; those whose lease was lost are not among the answer.
    package func settle(_ leases: [Lease]) throws -> Set<JobID> {
        var settled: Set<JobID> = []
        var moves = JobMoves()
        for (token, leases) in Dictionary(grouping: leases, by: \.token) {
            let rows = try tx.connection.query(
                """
                update jobs set state = 'done', finished_at = $3, lease_token = null, lease_expires = null,
                lease_node = null, lease_boot = null where id \(tx.connection.dialect.isIn("$1")) and lease_token = $2
                and state = 'running' returning id, queue, tenant
                """, [.texts(leases.map(\.job.text)), .integer(token), .time(tx.now)])
            for var row in rows {
                settled.insert(try row.id())
                moves.add(try row.state(), try row.id(), .running, to: .done)
            }
        }
        try tx.count(moves)
        return settled
    }

    package func find(_ id: JobID) throws -> (job: JobRow, attempts: [JobAttempt])? {
        guard
            let row = try tx.connection.first(
                "select \(JobRow.columns) from jobs where id = $1\(tx.connection.held)", [.id(id)])
        else { return nil }
        let attempts = try tx.connection.query(
            "select attempt, at, node, error from job_attempts where job_id = $1 order by at, attempt", [.id(id)]
        ).map {
            var row = $0
            return JobAttempt(
                number: try row.int(), at: try row.time(), node: try row.optionalID(), error: try row.text())
        }
        return (try JobRow(row), attempts)
    }

    /// The queued or running job with this key.
    package func live(_ uniqueKey: String) throws -> JobID? {
        guard
            var row = try tx.connection.first(
                "select id from jobs where unique_key = $1 and state in ('queued', 'running')\(tx.connection.held)",
                [.text(uniqueKey)])
        else { return nil }
        return try row.id()
    }

    package func isRunning(_ uniqueKey: String) throws -> Bool {
        try tx.connection.first(
            "select 1 from jobs where unique_key = $1 and state = 'running'", [.text(uniqueKey)]) != nil
    }

    /// A queued job that nobody wants any more; a running one goes on.
    package func cancel(_ id: JobID) throws -> Bool {
        // Shares are held before jobs, here as in a claim: this looks without holding the job.
        guard
            var row = try tx.connection.first("select queue, tenant from jobs where id = $1", [.id(id)])
        else { return false }
        let (queue, tenant): (Queue, TenantID) = (try row.state(), try row.id())
        try tx.queues.hold(queue, tenant)
        guard let job = try find(id)?.job, job.state == .queued else { return false }
        _ = try tx.connection.execute(
            "update jobs set state = 'cancelled', finished_at = $2 where id = $1", [.id(id), .time(tx.now)])
        try tx.count(job.queue, job.tenant, .queued, to: .cancelled)
        return true
    }

    /// Enqueues the job; where one with its key waits for a later time, that one becomes due now.
    package func enqueueNow(_ job: NewJob) throws {
        // Shares are locked before jobs, here as in a claim.
        try tx.queues.hold(job.queue, job.tenant)
        let known = try enqueue(job)
        if known.isNew { return }
        let changed = try tx.connection.execute(
            "update jobs set run_at = $2 where id = $1 and state = 'queued' and run_at > $2",
            [.id(known.id), .time(tx.now)])
        if changed > 0 { try tx.queues.expect(job.queue, job.tenant, at: tx.now) }
    }

    /// A job that runs, as far as ending it needs.
    struct Held {
        let id: JobID
        let queue: Queue
        let tenant: TenantID
        let runAt: Timestamp
        let attempt: Int
        let maximumAttempts: Int
        let interruptions: Int
        let node: NodeID?

        static let columns =
            "id, queue, tenant, run_at, attempt, maximum_attempts, interruptions, lease_node"

        init(_ row: SQLRow) throws {
            var row = row
            id = try row.id()
            queue = try row.state()
            tenant = try row.id()
            runAt = try row.time()
            attempt = try row.int()
            maximumAttempts = try row.int()
            interruptions = try row.int()
            node = try row.optionalID()
        }
    }

    private func held(_ lease: Lease) throws -> Held? {
        try tx.connection.first(
            "select \(Held.columns) from jobs where id = $1 and lease_token = $2 and state = 'running'\(tx.connection.held)",
            [.id(lease.job), .integer(lease.token)]
        ).map { try Held($0) }
    }

    func finish(_ held: Held, _ state: JobState, error: String?) throws {
        try tx.connection.perform(
            """
            update jobs set state = $2, finished_at = $3, last_error = coalesce($4, last_error), lease_token = null,
            lease_expires = null, lease_node = null, lease_boot = null where id = $1
            """, [.id(held.id), .state(state), .time(tx.now), .text(error)])
        try tx.count(held.queue, held.tenant, .running, to: state)
    }

    func requeue(_ held: Held, runAt: Timestamp, attempt: Int, error: String?, interrupted: Bool = false) throws {
        try tx.connection.perform(
            """
            update jobs set state = 'queued', run_at = $2, attempt = $3, last_error = coalesce($4, last_error),
            interruptions = interruptions + $5, lease_token = null, lease_expires = null, lease_node = null,
            lease_boot = null where id = $1
            """,
            [.id(held.id), .time(runAt), .integer(max(attempt, 0)), .text(error), .flag(interrupted)])
        try tx.count(held.queue, held.tenant, .running, to: .queued)
        try tx.queues.expect(held.queue, held.tenant, at: runAt)
    }

    func note(_ held: Held, _ error: String) throws {
        try tx.connection.perform(
            "insert into job_attempts (job_id, attempt, at, node, error) values (\(placeholders(5)))",
            [.id(held.id), .integer(held.attempt), .time(tx.now), .id(held.node), .text(error)])
    }
}
