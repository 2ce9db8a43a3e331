import CSQLite

/// One connection to the file, used by one thread. Statements are prepared once and kept: the aggregates' SQL is a fixed
/// set of texts.
final class SQLiteConnection: SQLConnection {
    enum Role { case writer, reader }

    private let handle: OpaquePointer
    private var statements: [String: SQLiteStatement] = [:]
    /// Texts with `in (…)` of several lengths could grow the set; past this it starts again.
    private static let maximumStatements = 512

    /// Once a process. Refused where SQLite was used before, which costs only speed.
    private static let isQuick = sluice_sqlite_quicken() == SQLITE_OK

    let dialect = Dialect.sqlite
    let shard: Int64 = 0
    var pendingHints: Set<Hints.Kind> = []

    init(path: String, role: Role, durable: Bool) throws(LedgerFailure) {
        _ = Self.isQuick
        var handle: OpaquePointer?
        let create = role == .writer ? SQLITE_OPEN_CREATE : 0
        let flags = SQLITE_OPEN_READWRITE | create | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle else {
            let failure = LedgerFailure(sqlite: code, on: handle)
            sqlite3_close_v2(handle)
            throw failure
        }
        self.handle = handle
        sqlite3_busy_timeout(handle, 5_000)
        try run("pragma journal_mode = wal")
        try run("pragma synchronous = \(durable ? "full" : "normal")")
        // The log is copied back when it holds 16 MiB, by the commit that passes that mark, and its file is cut to 64 MiB
        // after a reader kept it from that.
        try run("pragma wal_autocheckpoint = 4096")
        try run("pragma journal_size_limit = 67108864")
        try run("pragma cache_size = -16384")
        try run("pragma temp_store = memory")
        if role == .reader { try run("pragma query_only = 1") }
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// False when SQLite has rolled back by itself, as it does when the disk is full.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// SQLite opens what it may not write, and says so at the first write only.
    var isReadOnly: Bool { sqlite3_db_readonly(handle, "main") == 1 }

    func run(_ sql: String) throws(LedgerFailure) { _ = try execute(sql, []) }

    /// Of what can only be tried: a rollback after SQLite rolled back by itself says so, and that is no news.
    func attempt(_ sql: String) {
        do { try run(sql) } catch {}
    }

    func query(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) -> [SQLRow] {
        let statement = try prepared(sql)
        defer { statement.reset() }
        try statement.bind(values)
        var rows: [SQLRow] = []
        while try statement.step() { rows.append(statement.row) }
        return rows
    }

    func execute(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) -> Int {
        let statement = try prepared(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {}
        return Int(sqlite3_changes64(handle))
    }

    /// What has been asked so far, for whoever looks at the plans.
    var preparedTexts: [String] { Array(statements.keys) }

    private func prepared(_ sql: String) throws(LedgerFailure) -> SQLiteStatement {
        if let statement = statements[sql] { return statement }
        if statements.count >= Self.maximumStatements { statements.removeAll() }
        let statement = try SQLiteStatement(sql, on: handle)
        statements[sql] = statement
        return statement
    }
}
