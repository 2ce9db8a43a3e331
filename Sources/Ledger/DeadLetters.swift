package import Core

/// Work that was given up and can be tried again: a job without attempts left, or a delivery that its endpoint rejected.
package enum DeadLetter: Sendable {
    case job(JobRow)
    case delivery(DeliveryRow, EventType?)

    private var position: Cursor {
        switch self {
        case .job(let row): Cursor(at: row.createdAt, id: row.id.text)
        case .delivery(let row, _): Cursor(at: row.createdAt, id: row.id)
        }
    }

    fileprivate static func isNewer(_ left: Self, _ right: Self) -> Bool {
        (left.position.at, left.position.id) > (right.position.at, right.position.id)
    }

    fileprivate static func isOlder(_ left: Self, _ right: Self) -> Bool { isNewer(right, left) }

    static func cursor(_ letter: Self) -> Cursor { letter.position }
}

/// Dead jobs and dead deliveries as one list. The deliveries belong to the queue `deliver`.
package struct DeadLetters {
    let tx: Transaction

    /// Newest first.
    package func list(
        queue: Queue? = nil, tenant: TenantID? = nil, from position: Position = .start, limit: Int
    ) throws -> Page<DeadLetter> {
        var keyset = Keyset()
        if let tenant { keyset.add({ "tenant = \($0)" }, .id(tenant)) }
        keyset.add(position, column: "created_at", id: "id")
        var lists = (queue.map { [$0] } ?? Queue.allCases).map { queue in
            let conditions = keyset.conditions + ["queue = '\(queue.rawValue)'", "state = 'dead'"]
            return "select created_at, id from jobs where " + conditions.joined(separator: " and ")
        }
        let hasDeliveries = queue == nil || queue == .deliver
        if hasDeliveries {
            let conditions = keyset.conditions + ["state = 'dead'"]
            lists.append("select created_at, id from deliveries where " + conditions.joined(separator: " and "))
        }
        let ids = try tx.merged(lists, keyset, position, limit: limit)
        let letters = try tx.jobs.rows(ids).map(DeadLetter.job) + (hasDeliveries ? deliveries(ids) : [])
        let counts = try counts(tenant: tenant)
        let total = (queue.map { [$0] } ?? Queue.allCases).reduce(0) { $0 + counts[$1, default: 0] }
        return Page(
            rows: letters.sorted(by: DeadLetter.isNewer), limit: limit, total: total, cursor: DeadLetter.cursor)
    }

    /// Those that can be put back, oldest first.
    package func replayable(tenant: TenantID?, limit: Int) throws -> [DeadLetter] {
        let jobs = try tx.jobs.rows(tx.jobs.replayable(tenant: tenant, limit: limit).map(\.text))
        var keyset = Keyset()
        if let tenant { keyset.add({ "tenant = \($0)" }, .id(tenant)) }
        let conditions = (keyset.conditions + ["state = 'dead'"]).joined(separator: " and ")
        let ids = try tx.connection.query(
            """
            select id from deliveries where \(conditions) order by created_at, id limit $\(keyset.values.count + 1)
            """, keyset.values + [.integer(limit)]
        ).map {
            var row = $0
            return try row.text()
        }
        let letters = try jobs.map(DeadLetter.job) + deliveries(ids)
        return Array(letters.sorted(by: DeadLetter.isOlder).prefix(limit))
    }

    /// How many each queue has; deliveries, and what one tenant has, exact to 10,000.
    package func counts(tenant: TenantID?) throws -> [Queue: Int] {
        var counts: [Queue: Int] = [:]
        for queue in Queue.allCases {
            counts[queue] =
                try tenant.map { try tx.jobs.counts(queue, tenant: $0)[.dead] ?? 0 }
                ?? tx.queues.counts(queue)[.dead] ?? 0
        }
        let owner = tenant == nil ? "" : " and tenant = $1"
        counts[.deliver, default: 0] += Int(
            try tx.connection.number(
                "select count(*) from (select id from deliveries where state = 'dead'\(owner) limit 10000) as found",
                tenant.map { [.id($0)] } ?? []))
        return counts
    }

    private func deliveries(_ ids: [String]) throws -> [DeadLetter] {
        try tx.connection.query(
            """
            select \(DeliveryRow.columns), (select type from events where events.id = deliveries.event_id)
            from deliveries where id \(tx.connection.dialect.isIn("$1"))
            """, [.texts(ids)]
        ).map {
            var row = $0
            return .delivery(try DeliveryRow(&row), try row.optionalText().flatMap(EventType.init(rawValue:)))
        }
    }
}
