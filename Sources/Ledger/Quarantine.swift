package import Core

package struct QuarantineRow: Sendable, Equatable {
    package var id: String
    package var trackID: TrackID
    package var uploadID: UploadID?
    package var tenant: TenantID
    package var state: QuarantineState
    /// INFECTED, SUSPICIOUS or UNSCANNABLE.
    package var reason: FailureCode
    /// JSON: engine, database, signatures.
    package var evidence: String
    package var at: Timestamp

    package init(
        id: String = "qtn_" + randomBase62(22), trackID: TrackID, uploadID: UploadID?, tenant: TenantID,
        state: QuarantineState = .held, reason: FailureCode, evidence: String, at: Timestamp
    ) {
        self.id = id
        self.trackID = trackID
        self.uploadID = uploadID
        self.tenant = tenant
        self.state = state
        self.reason = reason
        self.evidence = evidence
        self.at = at
    }
}

/// What was held back, and why.
package struct Quarantine {
    let tx: Transaction

    package func insert(_ row: QuarantineRow) throws {
        _ = try tx.connection.execute(
            "insert into quarantine (\(QuarantineRow.columns)) values (\(placeholders(8)))", row.values)
    }

    package func find(_ id: String) throws -> QuarantineRow? {
        try tx.connection.first(
            "select \(QuarantineRow.columns) from quarantine where id = $1\(tx.connection.held)", [.text(id)]
        ).map { try QuarantineRow($0) }
    }

    package func of(_ track: TrackID) throws -> [QuarantineRow] {
        try tx.connection.query(
            "select \(QuarantineRow.columns) from quarantine where track_id = $1 order by at desc, id desc",
            [.id(track)]
        ).map { try QuarantineRow($0) }
    }

    /// False when it is not in `from`.
    package func setState(_ id: String, from: QuarantineState, to state: QuarantineState) throws -> Bool {
        try tx.connection.execute(
            "update quarantine set state = $3 where id = $1 and state = $2",
            [.text(id), .state(from), .state(state)]) > 0
    }

    /// What a later look at it found.
    package func setFinding(_ id: String, reason: FailureCode, evidence: String) throws {
        _ = try tx.connection.execute(
            "update quarantine set reason = $2, evidence = $3 where id = $1",
            [.text(id), .state(reason), .text(evidence)])
    }

    /// Of one tenant, or of all for the operator; newest first.
    package func list(
        tenant: TenantID?, state: QuarantineState? = nil, from position: Position = .start, limit: Int
    ) throws -> Page<QuarantineRow> {
        var keyset = Keyset()
        if let tenant { keyset.add({ "tenant = \($0)" }, .id(tenant)) }
        if let state { keyset.add({ "state = \($0)" }, .state(state)) }
        let filter = keyset.conditions.isEmpty ? "" : " where " + keyset.conditions.joined(separator: " and ")
        let total = try tx.connection.number(
            "select count(*) from (select id from quarantine\(filter) limit 10000) as found", keyset.values)
        let tail = keyset.tail(position, limit: limit, column: "at", id: "id")
        let rows = try tx.connection.query("select \(QuarantineRow.columns) from quarantine\(tail)", keyset.values)
            .map { try QuarantineRow($0) }
        return Page(rows: rows, limit: limit, total: Int(total)) { Cursor(at: $0.at, id: $0.id) }
    }

    /// Held since before `moment`, oldest first: past the time they are kept.
    package func held(before moment: Timestamp, limit: Int) throws -> [QuarantineRow] {
        try tx.connection.query(
            "select \(QuarantineRow.columns) from quarantine where state = 'held' and at < $1 order by at limit $2",
            [.time(moment), .integer(limit)]
        ).map { try QuarantineRow($0) }
    }
}

extension QuarantineRow {
    static let columns = "id, track_id, upload_id, tenant, state, reason, evidence, at"

    init(_ row: SQLRow) throws {
        var row = row
        self.init(
            id: try row.text(), trackID: try row.id(), uploadID: try row.optionalID(), tenant: try row.id(),
            state: try row.state(), reason: try row.state(), evidence: try row.text(), at: try row.time())
    }

    var values: [SQLValue] {
        [
            .text(id), .id(trackID), .id(uploadID), .id(tenant), .state(state), .state(reason), .text(evidence),
            .time(at),
        ]
    }
}
