package import Core

/// What holds for one tenant in place of the settings. A tenant comes into being by its first token; it has a row only
/// where somebody gave it one.
package struct TenantRow: Sendable, Equatable {
    package var id: TenantID
    package var name: String
    /// Of everything it stores and has under way; nil is the setting's.
    package var quotaBytes: Int64?
    /// Of one user; nil is the setting's, 0 is no limit.
    package var uploadsPerHour: Int?
    /// It begins no uploads; what it has goes on playing.
    package var isSuspended: Bool
    package var createdAt: Timestamp

    package init(
        id: TenantID, name: String = "", quotaBytes: Int64? = nil, uploadsPerHour: Int? = nil,
        isSuspended: Bool = false, createdAt: Timestamp
    ) {
        self.id = id
        self.name = name
        self.quotaBytes = quotaBytes
        self.uploadsPerHour = uploadsPerHour
        self.isSuspended = isSuspended
        self.createdAt = createdAt
    }
}

package struct Tenants {
    let tx: Transaction

    package func find(_ id: TenantID) throws -> TenantRow? {
        try tx.connection.first("select \(TenantRow.columns) from tenants where id = $1", [.id(id)])
            .map { try TenantRow($0) }
    }

    /// Made, or changed but for its age.
    package func set(_ row: TenantRow) throws {
        _ = try tx.connection.execute(
            "insert into tenants (\(TenantRow.columns)) values (\(placeholders(6)))"
                + tx.connection.dialect.orUpdate("id", ["name", "quota_bytes", "uploads_per_hour", "suspended"]),
            [
                .id(row.id), .text(row.name), .integer(row.quotaBytes),
                .integer(row.uploadsPerHour.map { Int64($0) }), .flag(row.isSuspended), .time(row.createdAt),
            ])
    }

    /// Newest first.
    package func list(from position: Position = .start, limit: Int) throws -> Page<TenantRow> {
        var keyset = Keyset()
        let total = try tx.connection.number(
            "select count(*) from (select id from tenants limit 10000) as found", [])
        let tail = keyset.tail(position, limit: limit, column: "created_at", id: "id")
        let rows = try tx.connection.query("select \(TenantRow.columns) from tenants\(tail)", keyset.values)
            .map { try TenantRow($0) }
        return Page(rows: rows, limit: limit, total: Int(total)) { Cursor(at: $0.createdAt, id: $0.id.text) }
    }

    /// The bytes of its originals and media files.
    package func stored(_ id: TenantID) throws -> Int64 { Int64(try tx.counters.sum("stored", id.text)) }

    func store(_ id: TenantID, _ delta: Int64) throws { try tx.counters.add("stored", id.text, delta) }
}

extension TenantRow {
    static let columns = "id, name, quota_bytes, uploads_per_hour, suspended, created_at"

    init(_ row: SQLRow) throws {
        var row = row
        self.init(
            id: try row.id(), name: try row.text(), quotaBytes: try row.optionalInteger(),
            uploadsPerHour: try row.optionalInteger().map { Int($0) }, isSuspended: try row.flag(),
            createdAt: try row.time())
    }
}
