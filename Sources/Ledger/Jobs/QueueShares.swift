import Core

/// The tenants that have due jobs in one queue, while one claim chooses among them. A tenant's virtual finish time is
/// `max(it, now) + cost`, charged at the claim: who has had much waits, who was idle saves nothing up.
struct QueueShares {
    /// What one job costs. Only its relation to the clock matters: it is how long a tenant's claim holds it back behind a
    /// newcomer.
    static let cost = Duration.seconds(1)

    private struct Share {
        let tenant: TenantID
        var finish: Timestamp
        /// The best that are left of those that were read, worst first.
        var ready: [ReadyJob] = []
        var taken = 0
        /// Nothing is due for us any more.
        var isExhausted = false
    }

    private let queue: Queue
    private let node: NodeID
    /// How many jobs may be taken of this queue.
    private let limit: Int
    private var shares: [Share] = []
    private var last: (finish: Timestamp, tenant: TenantID)?
    /// Every tenant with a due job is among `shares`.
    private var isWhole = false

    init(queue: Queue, node: NodeID, limit: Int) {
        self.queue = queue
        self.node = node
        self.limit = limit
    }

    /// Is there a job to take? Tenants are read a page at a time, who has had least first; those whose due jobs are all
    /// pinned elsewhere are looked past.
    mutating func hasNext(_ jobs: Jobs) throws -> Bool {
        while true {
            guard let index = best() else {
                if isWhole { return false }
                try readPage(jobs)
                continue
            }
            // Somebody on the next page may have had less than this one has by now.
            if !isWhole, let last, shares[index].finish > last.finish {
                try readPage(jobs)
                continue
            }
            if !shares[index].ready.isEmpty { return true }
            try read(index, jobs)
        }
    }

    /// The best job of the tenant that has had least. After `hasNext` only.
    mutating func take(now: Timestamp) -> ReadyJob? {
        guard let index = best(), let job = shares[index].ready.popLast() else { return nil }
        shares[index].taken += 1
        shares[index].finish = max(shares[index].finish, now) + Self.cost
        return job
    }

    /// Writes down what was charged, and when each tenant's next job is due. After the jobs were claimed.
    func settle(_ jobs: Jobs) throws {
        for share in shares where share.taken > 0 || share.isExhausted {
            // What was read and left is due.
            let nextAt = share.ready.isEmpty ? try jobs.earliest(queue, share.tenant) : jobs.tx.now
            try jobs.tx.queues.set(queue, share.tenant, finish: share.finish, nextAt: nextAt)
        }
    }

    private func best() -> Int? {
        shares.indices.filter { !shares[$0].isExhausted }.min {
            (shares[$0].finish, shares[$0].tenant) < (shares[$1].finish, shares[$1].tenant)
        }
    }

    private mutating func readPage(_ jobs: Jobs) throws {
        let page = try jobs.tx.queues.tenants(queue, after: last, limit: limit)
        shares += page.map { Share(tenant: $0.tenant, finish: $0.finish) }
        last = page.last.map { ($0.finish, $0.tenant) } ?? last
        isWhole = page.count < limit
    }

    /// Some of a tenant's jobs: a fair part of what may be taken, more where they turn out to be few tenants. Its row of
    /// shares is held, so that what was read before is still first.
    private mutating func read(_ index: Int, _ jobs: Jobs) throws {
        let (tenant, taken) = (shares[index].tenant, shares[index].taken)
        let count = max(1, limit / shares.count, taken)
        shares[index].ready = try jobs.ready(queue, tenant, node: node, limit: min(taken + count, limit))
            .dropFirst(taken).reversed()
        shares[index].isExhausted = shares[index].ready.isEmpty
    }
}
