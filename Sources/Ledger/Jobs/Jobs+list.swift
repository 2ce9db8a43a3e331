package import Core

extension Jobs {
    /// Newest first. Without a queue or a state the lists of all are merged, each read by one index, so that it costs the
    /// same however many jobs there are; what a page number steps over is read from the index alone.
    package func list(
        state: JobState? = nil, queue: Queue? = nil, tenant: TenantID? = nil, from position: Position = .start,
        limit: Int
    ) throws -> Page<JobRow> {
        let queues = queue.map { [$0] } ?? Queue.allCases
        let states = state.map { [$0] } ?? JobState.allCases
        let total = try total(states, queues, tenant)
        var keyset = Keyset()
        if let tenant { keyset.add({ "tenant = \($0)" }, .id(tenant)) }
        keyset.add(position, column: "created_at", id: "id")
        let lists = queues.flatMap { queue in
            states.map { state in
                let conditions = keyset.conditions + ["queue = '\(queue.rawValue)'", "state = '\(state.rawValue)'"]
                return "select created_at, id from jobs where " + conditions.joined(separator: " and ")
            }
        }
        let rows = try rows(tx.merged(lists, keyset, position, limit: limit))
            .sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }
        return Page(rows: rows, limit: limit, total: total) { Cursor(at: $0.createdAt, id: $0.id.text) }
    }

    /// In no order.
    func rows(_ ids: [String]) throws -> [JobRow] {
        try tx.connection.query(
            "select \(JobRow.columns) from jobs where id \(tx.connection.dialect.isIn("$1"))", [.texts(ids)]
        ).map { try JobRow($0) }
    }

    /// How many jobs each queue has in each state.
    package func counts() throws -> [Queue: [JobState: Int]] {
        let sums = try tx.counters.sums(Queue.allCases.map { JobMoves.scope($0) })
        return sums.reduce(into: [:]) { counts, sum in
            for queue in Queue.allCases where sum.key.scope == JobMoves.scope(queue) {
                if let state = JobState(rawValue: sum.key.item) { counts[queue, default: [:]][state] = sum.value }
            }
        }
    }

    /// How many jobs of one tenant a queue has in each state; those that have not ended exact to 10,000.
    package func counts(_ queue: Queue, tenant: TenantID) throws -> [JobState: Int] {
        var counts: [JobState: Int] = [:]
        for state in JobState.allCases { counts[state] = try total([state], [queue], tenant) }
        return counts
    }

    /// Since when the longest waiting job of a queue waits.
    package func oldest(_ queue: Queue, tenant: TenantID?) throws -> Timestamp? {
        let owner = tenant == nil ? "" : " and tenant = $2"
        var row = try tx.connection.first(
            """
            select created_at from jobs where queue = $1 and state = 'queued'\(owner) order by created_at, id limit 1
            """, [.state(queue)] + (tenant.map { [.id($0)] } ?? []))
        return try row?.time()
    }

    /// Dead jobs that can be put back, oldest first: those whose work is live again are stepped over.
    package func replayable(tenant: TenantID?, limit: Int) throws -> [JobID] {
        let owner = tenant == nil ? "" : " and tenant = $3"
        var found: [(at: Timestamp, id: JobID)] = []
        for queue in Queue.allCases {
            found += try tx.connection.query(
                """
                select created_at, id from jobs where queue = $1 and state = 'dead'\(owner) and (unique_key is null or
                not exists (select 1 from jobs as live where live.unique_key = jobs.unique_key
                and live.state in ('queued', 'running')))
                order by created_at, id limit $2
                """, [.state(queue), .integer(limit)] + (tenant.map { [.id($0)] } ?? [])
            ).map {
                var row = $0
                return (try row.time(), try row.id())
            }
        }
        return found.sorted { ($0.at, $0.id) < ($1.at, $1.id) }.prefix(limit).map(\.id)
    }

    private func total(_ states: [JobState], _ queues: [Queue], _ tenant: TenantID?) throws -> Int {
        guard let tenant else {
            let counts = try counts()
            return queues.reduce(0) { sum, queue in sum + states.reduce(0) { $0 + (counts[queue]?[$1] ?? 0) } }
        }
        let ended = states.filter(JobMoves.ends.contains).map(\.rawValue)
        let sums = ended.isEmpty ? [:] : try tx.counters.sums(queues.map { JobMoves.scope($0, tenant) })
        var total = sums.reduce(0) { $0 + (ended.contains($1.key.item) ? $1.value : 0) }
        // What has not ended is little, and counted.
        for queue in queues {
            for state in states where !JobMoves.ends.contains(state) {
                total += Int(
                    try tx.connection.number(
                        """
                        select count(*) from (select id from jobs where tenant = $1 and queue = $2 and state = $3
                        limit 10000) as found
                        """, [.id(tenant), .state(queue), .state(state)]))
            }
        }
        return total
    }
}
