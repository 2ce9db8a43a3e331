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
        var room = claim.room
        for queue in try tx.queues.paused() { room[queue] = nil }
        // In one order for all claimers, so that none waits for another that waits for it.
        var shares: [Queue: QueueShares] = [:]
        for (queue, free) in room where free > 0 {
            shares[queue] = QueueShares(queue: queue, node: claim.node, limit: min(free, claim.limit))
        }
        var chosen: [(job: ReadyJob, queue: Queue)] = []
        while chosen.count < claim.limit {
            var ready: [Queue] = []
            for queue in Queue.allCases where room[queue, default: 0] > 0 {
                if try shares[queue]?.hasNext(self) ?? false { ready.append(queue) }
            }
            guard let queue = turns.next(among: ready), let job = shares[queue]?.take(now: tx.now) else { break }
            chosen.append((job, queue))
            room[queue, default: 0] -= 1
        }
        let claimed = try take(chosen, claim)
        for queue in Queue.allCases {
            try shares[queue]?.settle(self)
            let count = Int64(claimed.reduce(0) { $0 + ($1.queue == queue ? 1 : 0) })
            try tx.queues.count(queue, .queued, -count)
            try tx.queues.count(queue, .running, count)
        }
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

    /// All in one statement. One token serves them all: a lease is a job and its token. What was cancelled a moment ago is
    /// left out.
    private func take(_ chosen: [(job: ReadyJob, queue: Queue)], _ claim: Claim) throws -> [ClaimedJob] {
        guard !chosen.isEmpty else { return [] }
        let (token, expiresAt) = (Int64.random(in: 0...Int64.max), tx.now + claim.lease)
        let taken = try tx.connection.query(
            """
            update jobs set state = 'running', attempt = attempt + 1, lease_token = $2, lease_expires = $3,
            lease_node = $4, lease_boot = $5 where id \(tx.connection.dialect.isIn("$1")) and state = 'queued'
            returning id
            """,
            [
                .text(JSON.array(chosen.map { .string($0.job.id.text) }).text), .integer(token), .time(expiresAt),
                .id(claim.node), .text(claim.boot),
            ]
        ).map {
            var row = $0
            return try row.text()
        }
        let isTaken = Set(taken)
        return chosen.filter { isTaken.contains($0.job.id.text) }.map { job, queue in
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
        var jobs: [ReadyJob] = []
        var after: Int64?
        while jobs.count < limit, let priority = try priority(queue, tenant, after: after) {
            jobs += try tx.connection.query(
                ReadyJob.select,
                [
                    .state(queue), .id(tenant), .integer(priority), .time(tx.now), .id(node),
                    .integer(limit - jobs.count),
                ]
            ).map { try ReadyJob($0) }
            after = priority
        }
        return jobs
    }

    /// When the next queued job of a tenant is due; nil when none is queued.
    func earliest(_ queue: Queue, _ tenant: TenantID) throws -> Timestamp? {
        var earliest: Timestamp?
        var after: Int64?
        while let priority = try priority(queue, tenant, after: after) {
            if var row = try tx.connection.first(
                """
                select run_at from jobs where state = 'queued' and queue = $1 and tenant = $2 and priority = $3
                order by run_at limit 1
                """, [.state(queue), .id(tenant), .integer(priority)])
            {
                let runAt = try row.time()
                earliest = min(earliest ?? runAt, runAt)
            }
            after = priority
        }
        return earliest
    }

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
    static let select = """
        select id, kind, tenant, track_id, upload_id, payload, attempt, maximum_attempts, request_id from jobs
        where state = 'queued' and queue = $1 and tenant = $2 and priority = $3 and run_at <= $4
        and (pinned_node is null or pinned_node = $5)
        order by run_at, id limit $6
        """

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
