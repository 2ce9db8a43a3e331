package import Core

package struct AuditRow: Sendable, Equatable {
    package var id: String
    package var at: Timestamp
    package var tenant: TenantID
    package var actor: UserID
    /// `quarantine.release`, `queue.pause`.
    package var action: String
    package var subject: String
    /// JSON.
    package var detail: String

    package init(
        id: String = "aud_" + randomBase62(22), at: Timestamp, tenant: TenantID, actor: UserID, action: String,
        subject: String, detail: String = "{}"
    ) {
        self.id = id
        self.at = at
        self.tenant = tenant
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
    }
}

/// Who did what that needed power; written in the transaction that did it.
package struct Audit {
    let tx: Transaction

    package func append(_ row: AuditRow) throws {
        _ = try tx.connection.execute(
            "insert into audit (id, at, tenant, actor, action, subject, detail) values (\(placeholders(7)))",
            [
                .text(row.id), .time(row.at), .id(row.tenant), .user(row.actor), .text(row.action),
                .text(row.subject), .text(row.detail),
            ])
    }

    /// Drops what is older than `moment`; how many.
    package func forget(before moment: Timestamp, limit: Int) throws -> Int {
        try tx.connection.execute(
            "delete from audit where id in (select id from audit where at < $1 order by at, id limit $2)",
            [.time(moment), .integer(limit)])
    }

    package func list(tenant: TenantID?, from position: Position = .start, limit: Int) throws -> Page<AuditRow> {
        var keyset = Keyset()
        if let tenant { keyset.add({ "tenant = \($0)" }, .id(tenant)) }
        let filter = keyset.conditions.isEmpty ? "" : " where " + keyset.conditions.joined(separator: " and ")
        let total = try tx.connection.number(
            "select count(*) from (select id from audit\(filter) limit 10000) as found", keyset.values)
        let tail = keyset.tail(position, limit: limit, column: "at", id: "id")
        let rows = try tx.connection.query(
            "select id, at, tenant, actor, action, subject, detail from audit\(tail)", keyset.values
        ).map {
            var row = $0
            return AuditRow(
                id: try row.text(), at: try row.time(), tenant: try row.id(), actor: try row.user(),
                action: try row.text(), subject: try row.text(), detail: try row.text())
        }
        return Page(rows: rows, limit: limit, total: Int(total)) { Cursor(at: $0.at, id: $0.id) }
    }
}
