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

    let queue: Queue
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

    /// Asks for the first of every queue at once; which queues are paused. What they will most likely need next is asked for
    /// at once too, where each question costs a journey.
    static func begin(_ all: inout [QueueShares], _ jobs: Jobs) throws -> Set<Queue> {
        let queues = jobs.tx.queues
        var answers = try jobs.tx.connection.queries(
            [queues.pausedQuestion]
                + all.map { queues.tenantsQuestion($0.queue, after: nil, limit: $0.limit) })
        let paused = try queues.paused(answers.removeFirst())
        for index in all.indices { try all[index].keepPage(answers[index]) }
        if all.allSatisfy(\.shares.isEmpty), !jobs.tx.connection.heldUnlessTaken.isEmpty {
            // Maybe others have everything: then there is waiting.
            answers = try jobs.tx.connection.queries(
                all.map { queues.tenantsQuestion($0.queue, after: nil, limit: 1, isWaiting: true) })
            for index in all.indices { try all[index].keepPage(answers[index]) }
        }
        if jobs.tx.connection.dialect == .postgres {
            let busy = all.indices.filter { !all[$0].shares.isEmpty && !paused.contains(all[$0].queue) }
            let wanted = busy.flatMap { index in
                all[index].shares.indices.prefix(all[index].limit / busy.count + 1).map { (index, $0) }
            }
            answers = try jobs.tx.connection.queries(wanted.map { all[$0].question($1, jobs) })
            for ((index, share), rows) in zip(wanted, answers) {
                try all[index].keep(rows.map { try ReadyJob($0) }, share)
            }
        }
        return paused
    }

    /// Writes down what was charged, and when each tenant's next job is due. After the jobs were claimed.
    func settle(_ jobs: Jobs) throws {
        for share in shares where share.taken > 0 || share.isExhausted {
            // What was read and left is due.
            try jobs.tx.queues.charge(
                queue, share.tenant, finish: share.finish, nextAt: share.ready.isEmpty ? nil : jobs.tx.now)
        }
    }

    private func best() -> Int? {
        shares.indices.filter { !shares[$0].isExhausted }.min {
            (shares[$0].finish, shares[$0].tenant) < (shares[$1].finish, shares[$1].tenant)
        }
    }

    private mutating func readPage(_ jobs: Jobs) throws {
        let question = jobs.tx.queues.tenantsQuestion(queue, after: last, limit: limit)
        try keepPage(jobs.tx.connection.query(question.sql, question.values))
    }

    private mutating func keepPage(_ rows: [SQLRow]) throws {
        for var row in rows {
            let share = Share(tenant: try row.id(), finish: try row.time())
            shares.append(share)
            last = (share.finish, share.tenant)
        }
        isWhole = rows.count < limit
    }

    /// Some of a tenant's jobs: a fair part of what may be taken, more where they turn out to be few tenants, and one that
    /// only shows whether more are left. Its row of shares is held, so that what was read before is still first.
    private mutating func read(_ index: Int, _ jobs: Jobs) throws {
        keep(try jobs.ready(queue, shares[index].tenant, node: node, limit: share(index)), index)
    }

    private func question(_ index: Int, _ jobs: Jobs) -> SQLQuestion {
        jobs.readyQuestion(queue, shares[index].tenant, node: node, limit: share(index))
    }

    private func share(_ index: Int) -> Int {
        let taken = shares[index].taken
        return min(taken + max(1, limit / shares.count, taken), limit) + 1
    }

    private mutating func keep(_ ready: [ReadyJob], _ index: Int) {
        shares[index].ready = ready.dropFirst(shares[index].taken).reversed()
        shares[index].isExhausted = shares[index].ready.isEmpty
    }
}
