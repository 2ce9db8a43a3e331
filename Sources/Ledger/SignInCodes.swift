package import Core

/// Codes by which a person enters the console: kept hashed, good once, for a short time.
package struct SignInCodes {
    let tx: Transaction

    package func insert(hash: String, expiresAt: Timestamp) throws {
        _ = try tx.connection.execute(
            "insert into sign_in_codes (hash, expires_at) values ($1, $2)", [.text(hash), .time(expiresAt)])
    }

    /// Drops those that are past their time; how many.
    package func forget(limit: Int) throws -> Int {
        try tx.connection.execute(
            """
            delete from sign_in_codes where hash in
            (select hash from sign_in_codes where expires_at <= $1 order by expires_at limit $2)
            """, [.time(tx.now), .integer(limit)])
    }

    /// True for exactly one caller, in time.
    package func use(hash: String) throws -> Bool {
        try tx.connection.execute(
            "delete from sign_in_codes where hash = $1 and expires_at > $2", [.text(hash), .time(tx.now)]) > 0
    }
}
