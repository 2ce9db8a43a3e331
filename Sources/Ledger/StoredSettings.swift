package import Core

/// Small facts that outlive a run: a cooldown's end, a sweep's place.
package struct StoredSettings {
    let tx: Transaction

    package func get(_ name: String) throws -> String? {
        guard var row = try tx.connection.first("select value from settings where name = $1", [.text(name)])
        else { return nil }
        return try row.text()
    }

    package func set(_ name: String, _ value: String) throws {
        _ = try tx.connection.execute(
            "insert into settings (name, value) values ($1, $2)" + tx.connection.dialect.orUpdate("name", ["value"]),
            [.text(name), .text(value)])
    }

    /// True for one caller each time `period` is over, however many ask and however long nobody did: what is overdue is
    /// done once.
    package func takeTurn(_ name: String, every period: Duration) throws -> Bool {
        try untilTurn(name, every: period) == nil
    }

    /// The same for what has its times: `next` is the first one after a moment. Nobody's turn before the first time after it
    /// was first asked about; what came while all were away is one turn.
    package func takeTurn(_ name: String, next: (Timestamp) -> Timestamp?) throws -> Bool {
        try tx.connection.lock("setting:\(name)")
        guard let after = next(tx.now) else { return false }
        let due = try get(name).flatMap { Int64($0) }.map { Timestamp(microseconds: $0) }
        if let due, due <= after, tx.now < due { return false }
        try set(name, String(after.microseconds))
        // Kept times that lie beyond the next one were written by a clock that was ahead, or for another schedule.
        return due.map { $0 <= tx.now } ?? false
    }

    /// Nil for who took the turn; else how long until there is one. A clock that was set back makes nobody wait longer than
    /// the period.
    package func untilTurn(_ name: String, every period: Duration) throws -> Duration? {
        try tx.connection.lock("setting:\(name)")
        let next = try get(name).flatMap { Int64($0) }.map { Timestamp(microseconds: $0) }
        if let next, tx.now < next, next <= tx.now + period { return next - tx.now }
        try set(name, String((tx.now + period).microseconds))
        return nil
    }
}
