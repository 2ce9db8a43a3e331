package import Core

package struct KeyRow: Sendable, Equatable {
    package var id: KeyID
    package var tenant: TenantID
    package var name: String
    package var prefix: String
    /// SHA-256, lowercase hex: the key itself is shown once and kept nowhere.
    package var hash: String
    package var permissions: [String]
    package var createdAt: Timestamp
    package var expiresAt: Timestamp?
    package var revokedAt: Timestamp?

    package init(
        id: KeyID, tenant: TenantID, name: String, prefix: String, hash: String, permissions: [String],
        createdAt: Timestamp, expiresAt: Timestamp? = nil, revokedAt: Timestamp? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.name = name
        self.prefix = prefix
        self.hash = hash
        self.permissions = permissions
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
    }
}

/// API keys: found by the prefix that the key shows, told apart by hash.
package struct Keys {
    let tx: Transaction

    package func insert(_ row: KeyRow) throws {
        _ = try tx.connection.execute(
            "insert into api_keys (\(KeyRow.columns)) values (\(placeholders(9)))", row.values)
    }

    /// Revoked and expired ones too: the caller compares hashes in constant time before it looks at anything else.
    package func findByPrefix(_ prefix: String) throws -> [KeyRow] {
        try tx.connection.query(
            "select \(KeyRow.columns) from api_keys where prefix = $1 order by id limit 16", [.text(prefix)]
        ).map { try KeyRow($0) }
    }

    package func find(_ id: KeyID) throws -> KeyRow? {
        try tx.connection.first("select \(KeyRow.columns) from api_keys where id = $1", [.id(id)])
            .map { try KeyRow($0) }
    }

    /// Of one tenant, or of all for the operator; newest first.
    package func list(tenant: TenantID?, from position: Position = .start, limit: Int = 1000) throws -> [KeyRow] {
        var keyset = Keyset()
        if let tenant { keyset.add({ "tenant = \($0)" }, .id(tenant)) }
        let tail = keyset.tail(position, limit: limit, column: "created_at", id: "id")
        return try tx.connection.query("select \(KeyRow.columns) from api_keys\(tail)", keyset.values)
            .prefix(limit).map { try KeyRow($0) }
    }

    /// False when there is no such key, or it was revoked before.
    package func revoke(_ id: KeyID) throws -> Bool {
        try tx.connection.execute(
            "update api_keys set revoked_at = $2 where id = $1 and revoked_at is null", [.id(id), .time(tx.now)]) > 0
    }
}

extension KeyRow {
    static let columns = "id, tenant, name, prefix, hash, permissions, created_at, expires_at, revoked_at"

    init(_ row: SQLRow) throws {
        var row = row
        self.init(
            id: try row.id(), tenant: try row.id(), name: try row.text(), prefix: try row.text(),
            hash: try row.text(), permissions: try row.text().split(separator: ",").map { String($0) },
            createdAt: try row.time(), expiresAt: try row.optionalTime(), revokedAt: try row.optionalTime())
    }

    var values: [SQLValue] {
        [
            .id(id), .id(tenant), .text(name), .text(prefix), .text(hash),
            .text(permissions.joined(separator: ",")), .time(createdAt), .time(expiresAt), .time(revokedAt),
        ]
    }
}
