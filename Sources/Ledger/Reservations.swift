package import Core

/// Disk that is spoken for. Every temporary file has its row here, or lies in a folder that boot empties; an upload's
/// promise of space is kept by arithmetic, not by filling files with zeros.
package struct ReservationRow: Sendable, Equatable {
    /// The upload's or generation's id.
    package var owner: String
    package var node: NodeID
    package var tenant: TenantID
    package var bytes: Int64

    package init(owner: String, node: NodeID, tenant: TenantID, bytes: Int64) {
        self.owner = owner
        self.node = node
        self.tenant = tenant
        self.bytes = bytes
    }
}

package struct Reservations {
    package enum Outcome: Sendable, Equatable {
        case reserved
        /// What others have reserved on this node leaves too little.
        case noSpace(reserved: Int64)
        case overQuota(used: Int64)
    }

    let tx: Transaction

    /// Sets what `row.owner` has reserved (no second row), if it fits: everything reserved on the node within `available`,
    /// everything of the tenant within `quota`. `overhead` is what each of them costs the node beside its own bytes.
    package func reserve(_ row: ReservationRow, available: Int64, overhead: Int64 = 0, quota: Int64? = nil) throws
        -> Outcome
    {
        try tx.connection.lock("node:\(row.node)")
        if quota != nil { try tx.connection.lock("tenant:\(row.tenant)") }
        let reserved = try total(node: row.node, overhead: overhead, except: row.owner)
        guard row.bytes <= available - reserved - overhead else { return .noSpace(reserved: reserved) }
        if let quota {
            let used = try total(tenant: row.tenant, except: row.owner)
            guard row.bytes <= quota - used else { return .overQuota(used: used) }
        }
        _ = try tx.connection.execute(
            "insert into reservations (owner, node, tenant, bytes, created_at) values (\(placeholders(5)))"
                + tx.connection.dialect.orUpdate("owner", ["bytes"]),
            [.text(row.owner), .id(row.node), .id(row.tenant), .integer(row.bytes), .time(tx.now)])
        return .reserved
    }

    package func has(_ owner: String) throws -> Bool {
        try tx.connection.first("select 1 from reservations where owner = $1", [.text(owner)]) != nil
    }

    package func release(_ owner: String) throws {
        _ = try tx.connection.execute("delete from reservations where owner = $1", [.text(owner)])
    }

    /// Those on a node whose upload has no row: a crash cut its only request off.
    package func releaseOrphans(node: NodeID) throws {
        _ = try tx.connection.execute(
            """
            delete from reservations where node = $1
            and not exists (select 1 from uploads where uploads.id = reservations.owner)
            """, [.id(node)])
    }

    package func total(node: NodeID, overhead: Int64 = 0, except owner: String = "") throws -> Int64 {
        try tx.connection.number(
            "select cast(sum(bytes + $3) as bigint) from reservations where node = $1 and owner <> $2",
            [.id(node), .text(owner), .integer(overhead)])
    }

    package func total(tenant: TenantID, except owner: String = "") throws -> Int64 {
        try tx.connection.number(
            "select cast(sum(bytes) as bigint) from reservations where tenant = $1 and owner <> $2",
            [.id(tenant), .text(owner)])
    }

    package func list(node: NodeID, after owner: String = "", limit: Int) throws -> [ReservationRow] {
        try tx.connection.query(
            """
            select owner, node, tenant, bytes from reservations where node = $1 and owner > $2 order by owner limit $3
            """, [.id(node), .text(owner), .integer(limit)]
        ).map {
            var row = $0
            return ReservationRow(
                owner: try row.text(), node: try row.id(), tenant: try row.id(), bytes: try row.integer())
        }
    }
}
