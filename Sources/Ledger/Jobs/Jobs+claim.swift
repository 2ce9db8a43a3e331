package import Core

/// Who asks for work, and for how much.
package struct Claim: Sendable {
    package var node: NodeID
    package var boot: String
    /// How many jobs of each queue there is room for; a queue that is not named is not served.
    package var room: [Queue: Int]
    /// How many at most, over all queues.
    package var limit: Int
    package var lease: Duration

    package init(node: NodeID, boot: String, room: [Queue: Int], limit: Int, lease: Duration) {
        self.node = node
        self.boot = boot
        self.room = room
        self.limit = limit
        self.lease = lease
    }
}

extension Jobs {
    /// Claims due jobs in this order: `turns` chooses the queue by weight, the virtual finish time of (tenant, queue) the
    /// tenant, then priority, run_at and id. `turns` is the caller's to keep, so that claimers need no common row.
    package func claim(_ claim: Claim, turns: QueueTurns) throws -> (jobs: [ClaimedJob], turns: QueueTurns) {
        var turns = turns
        var room = claim.room.filter { $0.value > 0 }
        // In one order for all claimers, so that none waits for another that waits for it.
        var shares = Queue.allCases.compactMap { queue in
            room[queue].map { QueueShares(queue: queue, node: claim.node, limit: min($0, claim.limit)) }
        }
        for queue in try QueueShares.begin(&shares, self) { room[queue] = nil }
        var chosen: [(job: ReadyJob, queue: Queue)] = []
        while chosen.count < claim.limit {
            var ready: Set<Queue> = []
            for index in shares.indices where room[shares[index].queue, default: 0] > 0 {
                if try shares[index].hasNext(self) { ready.insert(shares[index].queue) }
            }
            guard let queue = turns.next(among: Queue.allCases.filter(ready.contains)),
                let index = shares.firstIndex(where: { $0.queue == queue }), let job = shares[index].take(now: tx.now)
            else { break }
            chosen.append((job, queue))
            room[queue, default: 0] -= 1
        }
        let claimed = try take(chosen, claim)
        for share in shares { try share.settle(self) }
        var moves = JobMoves()
        for job in claimed { moves.add(job.queue, job.tenant, .queued, to: .running) }
        try tx.count(moves)
        return (claimed, turns)
    }

    /// For a caller that claims once and has no use for turns.
    package func claim(
        node: NodeID, boot: String, queues: [Queue] = Queue.allCases, limit: Int, lease: Duration
    ) throws -> [ClaimedJob] {
        let room = Dictionary(uniqueKeysWithValues: queues.map { ($0, limit) })
        return try claim(
            Claim(node: node, boot: boot, room: room, limit: limit, lease: lease), turns: QueueTurns()
        ).jobs
    }

    /// All in one statement. One token serves them all: a lease is a job and its token. Nobody else changes queued jobs of
    /// tenants whose shares we hold, so that what was read is what is taken.
    private func take(_ chosen: [(job: ReadyJob, queue: Queue)], _ claim: Claim) throws -> [ClaimedJob] {
        guard !chosen.isEmpty else { return [] }
        let (token, expiresAt) = (Int64.random(in: 0...Int64.max), tx.now + claim.lease)
        try tx.connection.perform(
            """
            update jobs set state = 'running', attempt = attempt + 1, lease_token = $2, lease_expires = $3,
            lease_node = $4, lease_boot = $5 where id \(tx.connection.dialect.isIn("$1")) and state = 'queued'
            """,
            [
                .texts(chosen.map(\.job.id.text)), .integer(token), .time(expiresAt), .id(claim.node),
                .text(claim.boot),
            ])
        return chosen.map { job, queue in
            ClaimedJob(
                id: job.id, kind: job.kind, queue: queue, tenant: job.tenant, trackID: job.trackID,
                uploadID: job.uploadID, payload: job.payload, attempt: job.attempt + 1,
                maximumAttempts: job.maximumAttempts, requestID: job.requestID,
                lease: Lease(job: job.id, token: token, duration: claim.lease, expiresAt: expiresAt))
        }
    }

    /// Due jobs of one tenant in one queue, best first. Priorities are walked one by one, so that jobs of the best
    /// priority that are not due yet are stepped over by the index and not one after another.
    func ready(_ queue: Queue, _ tenant: TenantID, node: NodeID, limit: Int) throws -> [ReadyJob] {
        if tx.connection.dialect == .postgres {
            let question = readyQuestion(queue, tenant, node: node, limit: limit)
            return try tx.connection.query(question.sql, question.values).map { try ReadyJob($0) }
        }
        var jobs: [ReadyJob] = []
        var after: Int64?
        while jobs.count < limit, let priority = try priority(queue, tenant, after: after) {
            jobs += try tx.connection.query(
                ReadyJob.select("$6", limit: "$5"),
                [
                    .state(queue), .id(tenant), .time(tx.now), .id(node), .integer(limit - jobs.count),
                    .integer(priority),
                ]
            ).map { try ReadyJob($0) }
            after = priority
        }
        return jobs
    }

    /// The same in one question, for a backend where each costs a journey. (SQLite has no `lateral`.)
    func readyQuestion(_ queue: Queue, _ tenant: TenantID, node: NodeID, limit: Int) -> SQLQuestion {
        SQLQuestion(
            """
            with recursive \(Self.priorities)
            select ready.* from priorities cross join lateral (\(ReadyJob.select("priorities.priority", limit: "$5"))) ready
            where priorities.priority is not null order by ready.priority, ready.run_at, ready.id limit $5
            """, [.state(queue), .id(tenant), .time(tx.now), .id(node), .integer(limit)])
    }

    /// Every priority that queued jobs of queue $1 and tenant $2 have, one step in the index each; the last row is null.
    static let priorities = """
        priorities (priority) as (
          select (select priority from jobs where state = 'queued' and queue = $1 and tenant = $2
            order by priority limit 1)
          union all
          select (select jobs.priority from jobs where state = 'queued' and queue = $1 and tenant = $2
            and jobs.priority > priorities.priority order by jobs.priority limit 1)
          from priorities where priorities.priority is not null)
        """

    private func priority(_ queue: Queue, _ tenant: TenantID, after: Int64?) throws -> Int64? {
        var row = try tx.connection.first(
            """
            select priority from jobs where state = 'queued' and queue = $1 and tenant = $2 and priority > $3
            order by priority limit 1
            """, [.state(queue), .id(tenant), .integer(after ?? .min)])
        return try row?.integer()
    }
}

/// A queued job that may be claimed now.
struct ReadyJob {
    static func select(_ priority: String, limit: String) -> String {
        """
        select id, kind, tenant, track_id, upload_id, payload, attempt, maximum_attempts, request_id, priority, run_at
        from jobs where state = 'queued' and queue = $1 and tenant = $2 and priority = \(priority) and run_at <= $3
        and (pinned_node is null or pinned_node = $4)
        order by run_at, id limit \(limit)
        """
    }

    let id: JobID
    let kind: String
    let tenant: TenantID
    let trackID: TrackID?
    let uploadID: UploadID?
    let payload: [String: String]
    let attempt: Int
    let maximumAttempts: Int
    let requestID: RequestID?

    init(_ row: SQLRow) throws {
        var row = row
        id = try row.id()
        kind = try row.text()
        tenant = try row.id()
        trackID = try row.optionalID()
        uploadID = try row.optionalID()
        payload = Payload.decode(try row.text())
        attempt = try row.int()
        maximumAttempts = try row.int()
        requestID = try row.optionalID()
    }
}
