package import Core

/// One event on its way to one endpoint.
package struct DeliveryRow: Sendable, Equatable {
    package var id: String
    /// Which receiver: `core`, or a webhook's id.
    package var endpoint: String
    package var tenant: TenantID
    package var trackID: TrackID
    package var eventID: EventID
    /// The event's: rows of one endpoint and track go out in this order.
    package var sequence: Int64
    package var state: DeliveryState
    package var attempts: Int
    package var nextAt: Timestamp
    package var lastStatus: Int?
    package var lastError: String?
    /// The start of the last answer's body.
    package var lastAnswer: String?
    package var createdAt: Timestamp

    package init(
        id: String = "dlv_" + randomBase62(22), endpoint: String, event: EventRow, trackID: TrackID,
        nextAt: Timestamp? = nil
    ) {
        self.id = id
        self.endpoint = endpoint
        tenant = event.tenant
        self.trackID = trackID
        eventID = event.id
        sequence = event.sequence
        state = .pending
        attempts = 0
        self.nextAt = nextAt ?? event.createdAt
        createdAt = event.createdAt
    }
}

/// Whose deliveries go out one after another, by one job.
package struct DeliveryTarget: Sendable, Equatable {
    package let endpoint: String
    package let track: TrackID
    package let tenant: TenantID
}

/// The deliveries, in order per (endpoint, track): the oldest pending one goes first and holds the others back.
package struct Deliveries {
    let tx: Transaction

    package func insert(_ row: DeliveryRow) throws {
        _ = try tx.connection.execute(
            "insert into deliveries (\(DeliveryRow.columns)) values (\(placeholders(13)))", row.values)
    }

    package func find(_ id: String) throws -> DeliveryRow? {
        try tx.connection.first("select \(DeliveryRow.columns) from deliveries where id = $1", [.text(id)])
            .map { try DeliveryRow($0) }
    }

    /// The oldest pending one, due or not.
    package func next(endpoint: String, track: TrackID) throws -> DeliveryRow? {
        try tx.connection.first(
            """
            select \(DeliveryRow.columns) from deliveries where state = 'pending' and endpoint = $1 and track_id = $2
            order by sequence limit 1
            """, [.text(endpoint), .id(track)]
        ).map { try DeliveryRow($0) }
    }

    /// False when it was settled already.
    package func settle(
        _ id: String, _ state: DeliveryState, attempts: Int, nextAt: Timestamp, status: Int?, error: String?,
        answer: String? = nil
    ) throws -> Bool {
        try tx.connection.execute(
            """
            update deliveries set state = $2, attempts = $3, next_at = $4, last_status = $5, last_error = $6,
            last_answer = $7
            where id = $1 and state = 'pending'
            """,
            [
                .text(id), .state(state), .integer(attempts), .time(nextAt), .integer(status.map { Int64($0) }),
                .text(error), .text(answer),
            ]) > 0
    }

    /// Some of the (endpoint, track) pairs that still have something to say, in their order, and whether a job lives whose
    /// unique key is `kind:endpoint:track`: for a sweep that makes up for jobs which died or were cancelled.
    package func waiting(
        jobs kind: String, after: DeliveryTarget?, limit: Int
    ) throws -> [(target: DeliveryTarget, hasJob: Bool)] {
        try tx.connection.query(
            """
            select endpoint, track_id, min(tenant), case when exists (
              select 1 from jobs
              where unique_key = cast($4 as text) || ':' || deliveries.endpoint || ':' || deliveries.track_id
              and state in ('queued', 'running')) then 1 else 0 end
            from deliveries where state = 'pending' and (endpoint, track_id) > ($1, $2)
            group by endpoint, track_id order by endpoint, track_id limit $3
            """,
            [.text(after?.endpoint ?? ""), .text(after?.track.text ?? ""), .integer(limit), .text(kind)]
        ).map {
            var row = $0
            let target = DeliveryTarget(endpoint: try row.text(), track: try row.id(), tenant: try row.id())
            return (target, try row.integer() == 1)
        }
    }

    /// A dead or done one goes out again, from its first attempt.
    package func redeliver(_ id: String) throws -> Bool {
        try tx.connection.execute(
            "update deliveries set state = 'pending', attempts = 0, next_at = $2 where id = $1 and state <> 'pending'",
            [.text(id), .time(tx.now)]) > 0
    }

    package func list(
        endpoint: String, tenant: TenantID, from position: Position = .start, limit: Int
    ) throws -> Page<DeliveryRow> {
        var keyset = Keyset()
        keyset.add({ "endpoint = \($0)" }, .text(endpoint))
        keyset.add({ "tenant = \($0)" }, .id(tenant))
        let total = try tx.connection.number(
            """
            select count(*) from
            (select id from deliveries where endpoint = $1 and tenant = $2 limit 10000) as found
            """, keyset.values)
        let tail = keyset.tail(position, limit: limit, column: "created_at", id: "id")
        let rows = try tx.connection.query("select \(DeliveryRow.columns) from deliveries\(tail)", keyset.values)
            .map { try DeliveryRow($0) }
        return Page(rows: rows, limit: limit, total: Int(total)) { Cursor(at: $0.createdAt, id: $0.id) }
    }

    /// Drops settled ones; how many.
    package func forget(before moment: Timestamp, limit: Int) throws -> Int {
        try tx.connection.execute(
            """
            delete from deliveries where id in
            (select id from deliveries where state <> 'pending' and created_at < $1 order by created_at limit $2)
            """, [.time(moment), .integer(limit)])
    }
}

extension DeliveryRow {
    static let columns = """
        id, endpoint, tenant, track_id, event_id, sequence, state, attempts, next_at, last_status, last_error, \
        created_at, last_answer
        """

    init(_ row: SQLRow) throws {
        var row = row
        try self.init(&row)
    }

    /// What follows its columns is left for the caller.
    init(_ row: inout SQLRow) throws {
        id = try row.text()
        endpoint = try row.text()
        tenant = try row.id()
        trackID = try row.id()
        eventID = try row.id()
        sequence = try row.integer()
        state = try row.state()
        attempts = try row.int()
        nextAt = try row.time()
        lastStatus = try row.optionalInteger().map { Int($0) }
        lastError = try row.optionalText()
        createdAt = try row.time()
        lastAnswer = try row.optionalText()
    }

    var values: [SQLValue] {
        [
            .text(id), .text(endpoint), .id(tenant), .id(trackID), .id(eventID), .integer(sequence), .state(state),
            .integer(attempts), .time(nextAt), .integer(lastStatus.map { Int64($0) }), .text(lastError),
            .time(createdAt), .text(lastAnswer),
        ]
    }
}
