package import Core

/// Listening sessions that need a memory: revoked ones, and those good for one use.
package struct Sessions {
    let tx: Transaction

    /// Remembers a session that was handed out; `once` makes it good for a single `take`.
    package func insert(
        _ id: SessionID, track: TrackID, tenant: TenantID, once: Bool, expiresAt: Timestamp
    ) throws {
        _ = try tx.connection.execute(
            """
            insert into sessions (id, track_id, tenant, once, taken, revoked, expires_at)
            values ($1, $2, $3, $4, 0, 0, $5)\(tx.connection.dialect.orIgnore)
            """, [.id(id), .id(track), .id(tenant), .flag(once), .time(expiresAt)])
    }

    /// Also of a session we never saw: tokens are minted elsewhere too.
    package func revoke(_ id: SessionID, track: TrackID, tenant: TenantID, expiresAt: Timestamp) throws {
        try insert(id, track: track, tenant: tenant, once: false, expiresAt: expiresAt)
        _ = try tx.connection.execute(
            "update sessions set revoked = 1 where id = $1 and track_id = $2 and tenant = $3",
            [.id(id), .id(track), .id(tenant)])
    }

    package func isRevoked(_ id: SessionID) throws -> Bool {
        try tx.connection.number("select revoked from sessions where id = $1", [.id(id)]) != 0
    }

    /// Every revocation that still matters, for a cache that is read without the ledger.
    package func revoked(limit: Int) throws -> [SessionID] {
        try tx.connection.query(
            "select id from sessions where revoked = 1 and expires_at > $1 order by expires_at limit $2",
            [.time(tx.now), .integer(limit)]
        ).map {
            var row = $0
            return try row.id()
        }
    }

    /// Uses up a session of one use: true for exactly one caller.
    package func take(_ id: SessionID) throws -> Bool {
        try tx.connection.execute(
            "update sessions set taken = 1 where id = $1 and once = 1 and taken = 0 and revoked = 0 and expires_at > $2",
            [.id(id), .time(tx.now)]) > 0
    }

    package func forget(limit: Int) throws -> Int {
        try tx.connection.execute(
            """
            delete from sessions where id in
            (select id from sessions where expires_at <= $1 order by expires_at limit $2)
            """, [.time(tx.now), .integer(limit)])
    }
}
