package import Core

package struct EventRow: Sendable, Equatable {
    package let id: EventID
    package let tenant: TenantID
    /// Rises by one an event, tenant by tenant, without gaps.
    package let sequence: Int64
    package let type: EventType
    package let trackID: TrackID?
    package let requestID: RequestID?
    /// The bytes that are signed and sent, as they were made.
    package let body: [UInt8]
    package let createdAt: Timestamp

    package init(
        id: EventID, tenant: TenantID, sequence: Int64, type: EventType, trackID: TrackID?, requestID: RequestID?,
        body: [UInt8], createdAt: Timestamp
    ) {
        self.id = id
        self.tenant = tenant
        self.sequence = sequence
        self.type = type
        self.trackID = trackID
        self.requestID = requestID
        self.body = body
        self.createdAt = createdAt
    }
}

/// What happened, written in the transaction that made it true, in one total order a tenant.
package struct Outbox {
    let tx: Transaction

    /// `body` is asked for once the event has its place: the bytes (JSON, UTF-8) contain both id and sequence.
    @discardableResult
    package func append(
        tenant: TenantID, type: EventType, trackID: TrackID?, requestID: RequestID?,
        body: (EventID, Int64) throws -> [UInt8]
    ) throws -> EventRow {
        let sequence = try nextSequence(tenant)
        let id = EventID.make()
        let event = EventRow(
            id: id, tenant: tenant, sequence: sequence, type: type, trackID: trackID, requestID: requestID,
            body: try body(id, sequence), createdAt: tx.now)
        try tx.connection.perform(Self.insertion, event.values)
        tx.hint(.events)
        return event
    }

    private static let insertion = "insert into events (\(EventRow.columns)) values (\(placeholders(8)))"

    package func find(_ id: EventID) throws -> EventRow? {
        try tx.connection.first("select \(EventRow.columns) from events where id = $1", [.id(id)])
            .map { try EventRow($0) }
    }

    /// A tenant's events after `sequence`, of one track if it is named.
    package func after(
        _ sequence: Int64, tenant: TenantID, track: TrackID? = nil, limit: Int
    ) throws -> [EventRow] {
        var values: [SQLValue] = [.id(tenant), .integer(sequence), .integer(limit)]
        if let track { values.append(.id(track)) }
        return try tx.connection.query(
            """
            select \(EventRow.columns) from events where tenant = $1 and sequence > $2\(
                track == nil ? "" : " and track_id = $4")
            order by sequence limit $3
            """, values
        ).map { try EventRow($0) }
    }

    /// The sequence of the newest event; 0 before the first.
    package func latest(tenant: TenantID) throws -> Int64 {
        try tx.connection.number("select last from tenant_sequences where tenant = $1", [.id(tenant)])
    }

    /// Drops old events that no delivery waits for; how many.
    package func forget(before moment: Timestamp, limit: Int) throws -> Int {
        try tx.connection.execute(
            """
            delete from events where id in (
              select e.id from events e where e.created_at < $1
              and not exists (select 1 from deliveries d where d.event_id = e.id and d.state = 'pending')
              order by e.created_at limit $2)
            """, [.time(moment), .integer(limit)])
    }

    /// The row is locked until the commit, so that a reader who saw 7 never finds a 6 appear behind it.
    private func nextSequence(_ tenant: TenantID) throws -> Int64 {
        try tx.connection.number(
            """
            insert into tenant_sequences (tenant, last) values ($1, 1)
            on conflict (tenant) do update set last = tenant_sequences.last + 1 returning last
            """, [.id(tenant)])
    }
}

extension EventRow {
    static let columns = "id, tenant, sequence, type, track_id, request_id, body, created_at"

    init(_ row: SQLRow) throws {
        var row = row
        self.init(
            id: try row.id(), tenant: try row.id(), sequence: try row.integer(), type: try row.state(),
            trackID: try row.optionalID(), requestID: try row.optionalID(), body: Array(try row.text().utf8),
            createdAt: try row.time())
    }

    var values: [SQLValue] {
        [
            .id(id), .id(tenant), .integer(sequence), .state(type), .id(trackID), .id(requestID),
            .text(String(decoding: body, as: UTF8.self)), .time(createdAt),
        ]
    }
}
