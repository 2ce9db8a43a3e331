package import Core
import Glibc

/// Opening a file: who may read it, whether it is whole, and its schema.
struct SQLiteFile {
    private let configuration: SQLiteLedger.Configuration
    private let now: Timestamp

    init(_ configuration: SQLiteLedger.Configuration, now: Timestamp) {
        self.configuration = configuration
        self.now = now
    }

    private var migrations: Migrations {
        Migrations(known: configuration.migrations, program: configuration.program)
    }

    /// A connection to a file that is whole and up to date.
    func open() throws -> SQLiteConnection {
        do throws(LedgerFailure) {
            try create()
            let connection = try connect()
            guard !connection.isReadOnly else {
                throw LedgerFailure(.readOnly, "the file or its file system is read-only.")
            }
            try check(connection)
            try migrate(connection)
            if let bytes = configuration.maximumBytes {
                try connection.run("pragma max_page_count = \(max(bytes / 4096, 1))")
            }
            return connection
        } catch {
            throw explained(error)
        }
    }

    /// What `open` would run; nothing is changed.
    func plan() throws -> [Migration] {
        do throws(LedgerFailure) {
            guard access(configuration.path, F_OK) == 0 else { return try migrations.pending([]) }
            let connection = try connect()
            return try migrations.pending(try hasSchema(connection) ? Migrations.applied(on: connection) : [])
        } catch {
            throw explained(error)
        }
    }

    private func connect() throws(LedgerFailure) -> SQLiteConnection {
        try SQLiteConnection(path: configuration.path, role: .writer, durable: configuration.durable)
    }

    /// Made before SQLite opens it, so that it is never readable for others. Closing a descriptor later would drop
    /// SQLite's locks: POSIX locks belong to the process.
    private func create() throws(LedgerFailure) {
        guard access(configuration.path, F_OK) != 0 else { return }
        let descriptor = Glibc.open(configuration.path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        let code = errno
        guard descriptor >= 0 else {
            let kind: LedgerFailure.Kind = code == ENOSPC ? .full : code == EROFS ? .readOnly : .unavailable
            throw LedgerFailure(kind, String(cString: strerror(code)) + ".")
        }
        Glibc.close(descriptor)
    }

    /// A quick look at small files; a large one is judged page by page as it is read.
    private func check(_ connection: SQLiteConnection) throws(LedgerFailure) {
        let size = try connection.number(
            "select page_count * page_size from pragma_page_count, pragma_page_size", [])
        guard size <= 64 << 20 else { return }
        guard var row = try connection.query("pragma quick_check(1)", []).first else { return }
        let answer = try row.text()
        if answer != "ok" { throw LedgerFailure(.corrupt, answer + ".") }
    }

    private func migrate(_ connection: SQLiteConnection) throws(LedgerFailure) {
        if try hasSchema(connection), try migrations.pending(Migrations.applied(on: connection)).isEmpty { return }
        try connection.run("begin exclusive")
        do throws(LedgerFailure) {
            try connection.run(Migrations.table)
            // Looked at again: another program may have been here before the lock was ours.
            let pending = try migrations.pending(Migrations.applied(on: connection))
            try migrations.run(pending, on: connection, now: now)
            try connection.run("commit")
        } catch {
            connection.attempt("rollback")
            throw error
        }
    }

    private func hasSchema(_ connection: SQLiteConnection) throws(LedgerFailure) -> Bool {
        try connection.number("select count(*) from sqlite_master where name = 'schema_migrations'", []) > 0
    }

    private func explained(_ failure: LedgerFailure) -> LedgerFailure {
        let path = configuration.path
        let message =
            switch failure.kind {
            case .corrupt: "The ledger \(path) is damaged or no ledger: \(failure.message)"
            case .readOnly: "The ledger \(path) cannot be written: \(failure.message)"
            case .full: "There is no space for the ledger \(path): \(failure.message)"
            case .newerSchema, .changedMigration: failure.message
            default: "The ledger \(path) cannot be opened: \(failure.message)"
            }
        return LedgerFailure(failure.kind, message)
    }
}

extension SQLiteLedger {
    /// What opening it would change, oldest first.
    package static func plan(_ configuration: Configuration, time: any TimeSource = SystemTime()) throws -> [Migration]
    {
        try SQLiteFile(configuration, now: time.now).plan()
    }
}
