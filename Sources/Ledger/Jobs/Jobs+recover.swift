package import Core

extension Jobs {
    /// A job that was interrupted so often is taken for what ends the process, and is put aside.
    static let maximumInterruptions = 100

    /// A starting node takes back what its earlier boots held: they are gone, so nobody waits for their leases. No attempt
    /// is burned. How many.
    package func takeBack(
        node: NodeID, exceptBoot boot: String, whenDead: (JobRow) throws -> Void = { _ in }
    ) throws -> Int {
        let rows = try tx.connection.query(
            "select \(Held.columns) from jobs where state = 'running' and lease_node = $1 and lease_boot <> $2\(tx.connection.held)",
            [.id(node), .text(boot)])
        for row in rows {
            let held = try Held(row)
            try note(held, "The server stopped while it ran.")
            if held.interruptions + 1 >= Self.maximumInterruptions {
                try finish(held, .dead, error: "The server stopped \(Self.maximumInterruptions) times while it ran.")
                if let job = try find(held.id)?.job { try whenDead(job) }
            } else {
                try requeue(held, runAt: held.runAt, attempt: held.attempt - 1, error: nil, interrupted: true)
            }
        }
        return rows.count
    }

    /// Ends leases that nobody renewed; each burns its attempt, and the last one is dead. How many; call again when it is
    /// `limit`.
    package func reap(limit: Int = 100, whenDead: (JobRow) throws -> Void = { _ in }) throws -> Int {
        let rows = try tx.connection.query(
            """
            select \(Held.columns) from jobs where state = 'running' and lease_expires < $1
            order by lease_expires limit $2\(tx.connection.heldUnlessTaken)
            """, [.time(tx.now), .integer(limit)])
        for row in rows {
            let held = try Held(row)
            let error = "Its lease ran out: the worker stopped answering."
            try note(held, error)
            if held.attempt >= held.maximumAttempts {
                try finish(held, .dead, error: error)
                if let job = try find(held.id)?.job { try whenDead(job) }
            } else {
                try requeue(held, runAt: tx.now, attempt: held.attempt, error: error)
            }
        }
        return rows.count
    }

    /// Puts a dead job back, with all its attempts before it. False when it is not dead, or the same work is live again.
    package func retryDead(_ id: JobID) throws -> Bool {
        guard let job = try find(id)?.job, job.state == .dead else { return false }
        if let key = job.uniqueKey, try live(key) != nil { return false }
        _ = try tx.connection.execute(
            """
            update jobs set state = 'queued', run_at = $2, attempt = 0, interruptions = 0, finished_at = null
            where id = $1
            """, [.id(id), .time(tx.now)])
        try tx.count(job.queue, job.tenant, .dead, to: .queued)
        try tx.queues.expect(job.queue, job.tenant, at: tx.now)
        return true
    }

    /// Deletes what was finished before `moment`, in small steps; how many, over all queues at most `limit` each.
    package func forget(_ state: JobState, before moment: Timestamp, limit: Int) throws -> Int {
        precondition(state != .queued && state != .running, "live jobs are not forgotten")
        var forgotten = 0
        var moves = JobMoves()
        for queue in Queue.allCases {
            let ids = try tx.connection.query(
                """
                select id, tenant from jobs where queue = $1 and state = $2 and created_at < $3 and finished_at < $3
                order by created_at, id limit $4
                """, [.state(queue), .state(state), .time(moment), .integer(limit)])
            for var row in ids {
                let id = SQLValue.text(try row.text())
                try tx.connection.perform("delete from job_attempts where job_id = $1", [id])
                try tx.connection.perform("delete from jobs where id = $1", [id])
                moves.add(queue, try row.id(), state, to: nil)
            }
            forgotten += ids.count
        }
        try tx.count(moves)
        return forgotten
    }
}
