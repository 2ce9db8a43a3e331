import Core

/// The schema's steps on a server: one program at a time, all or nothing.
struct PostgresSchema {
    let migrations: Migrations
    let connection: PostgresConnection

    func migrate(now: Timestamp) throws(LedgerFailure) {
        if try hasSchema(), try migrations.pending(Migrations.applied(on: connection)).isEmpty { return }
        connection.begin(writing: true)
        do throws(LedgerFailure) {
            // Two starting nodes take turns; the second finds nothing left to do. A step may take longer than any query.
            try connection.run("set local lock_timeout = 0")
            try connection.run("set local statement_timeout = 0")
            try connection.lock("schema")
            try connection.run(connection.dialect.schema(Migrations.table))
            try migrations.run(try migrations.pending(Migrations.applied(on: connection)), on: connection, now: now)
            try connection.commit()
        } catch {
            connection.rollback()
            throw error
        }
    }

    /// What `migrate` would run; nothing is changed.
    func plan() throws(LedgerFailure) -> [Migration] {
        try migrations.pending(try hasSchema() ? Migrations.applied(on: connection) : [])
    }

    private func hasSchema() throws(LedgerFailure) -> Bool {
        try connection.number(
            "select count(*) from pg_catalog.pg_class where oid = to_regclass('schema_migrations')", []) > 0
    }
}
