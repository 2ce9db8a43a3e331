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
        var claimed: [ClaimedJob] = []
        var room = claim.room
        for queue in try tx.queues.paused() { room[queue] = nil }
        var shares: [Queue: QueueShares] = [:]
        for (queue, free) in room where free > 0 {
            shares[queue] = try QueueShares(queue: queue, claim: claim, limit: min(free, claim.limit), jobs: self)
        }
        while claimed.count < claim.limit {
            let ready = shares.filter { (room[$0.key] ?? 0) > 0 && !$0.value.isEmpty }.map(\.key)
            guard let queue = turns.next(among: ready), let row = try shares[queue]?.next(self) else { break }
            let job = try take(row, queue, claim)
            claimed.append(job)
            room[queue, default: 0] -= 1
        }
        for (queue, share) in shares {
            try share.settle(self)
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

    private func take(_ ready: ReadyJob, _ queue: Queue, _ claim: Claim) throws -> ClaimedJob {
        let expiresAt = tx.now + claim.lease
        let lease = Lease(
            job: ready.id, token: Int64.random(in: 0...Int64.max), duration: claim.lease, expiresAt: expiresAt)
        let changed = try tx.connection.execute(
            """
            update jobs set state = 'running', attempt = attempt + 1, lease_token = $2, lease_expires = $3,
            lease_node = $4, lease_boot = $5 where id = $1 and state = 'queued'
            """,
            [.id(ready.id), .integer(lease.token), .time(expiresAt), .id(claim.node), .text(claim.boot)])
        guard changed == 1 else { throw LedgerFailure(.unavailable, "The job \(ready.id) was claimed elsewhere.") }
        return ClaimedJob(
            id: ready.id, kind: ready.kind, queue: queue, tenant: ready.tenant, trackID: ready.trackID,
            uploadID: ready.uploadID, payload: ready.payload, attempt: ready.attempt + 1,
            maximumAttempts: ready.maximumAttempts, requestID: ready.requestID, lease: lease)
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
