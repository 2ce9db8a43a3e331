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
        var jobs: [ReadyJob]?
        var taken = 0
        var isExhausted = false
    }

    private let queue: Queue
    private let claim: Claim
    private let limit: Int
    private var shares: [Share]

    init(queue: Queue, claim: Claim, limit: Int, jobs: Jobs) throws {
        self.queue = queue
        self.claim = claim
        self.limit = limit
        shares = []
        var last: (finish: Timestamp, tenant: TenantID)?
        // A tenant whose due jobs are all pinned elsewhere has nothing for us: look past it, a page at a time.
        repeat {
            let page = try jobs.tx.queues.tenants(queue, after: last, limit: limit)
            for row in page {
                let ready = try jobs.ready(queue, row.tenant, node: claim.node, limit: 1)
                if !ready.isEmpty { shares.append(Share(tenant: row.tenant, finish: row.finish)) }
                if ready.isEmpty {
                    try jobs.tx.queues.set(
                        queue, row.tenant, finish: row.finish, nextAt: try jobs.earliest(queue, row.tenant))
                }
            }
            last = page.last.map { ($0.finish, $0.tenant) }
            if page.count < limit { last = nil }
        } while shares.count < limit && last != nil
    }

    /// No tenant has a due job for us.
    var isEmpty: Bool { !shares.contains { !$0.isExhausted } }

    /// The best job of the tenant that has had least.
    mutating func next(_ jobs: Jobs) throws -> ReadyJob? {
        let open = shares.indices.filter { !shares[$0].isExhausted }
        guard
            let index = open.min(by: {
                (shares[$0].finish, shares[$0].tenant) < (shares[$1].finish, shares[$1].tenant)
            })
        else { return nil }
        let tenant = shares[index].tenant
        var ready = try shares[index].jobs ?? jobs.ready(queue, tenant, node: claim.node, limit: limit).reversed()
        guard let job = ready.popLast() else { return nil }
        shares[index].taken += 1
        shares[index].isExhausted = ready.isEmpty
        shares[index].jobs = ready
        shares[index].finish = max(shares[index].finish, jobs.tx.now) + Self.cost
        return job
    }

    /// Writes down what was charged, and when each tenant's next job is due.
    func settle(_ jobs: Jobs) throws {
        for share in shares where share.taken > 0 {
            try jobs.tx.queues.set(
                queue, share.tenant, finish: share.finish, nextAt: try jobs.earliest(queue, share.tenant))
        }
    }
}
