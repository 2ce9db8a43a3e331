import CSQLite

/// One prepared statement. Its connection owns it and uses it on its own thread alone, which is why nothing here is
/// `Sendable`.
final class SQLiteStatement {
    private let handle: OpaquePointer
    /// Where `$1`, `$2` … are bound: SQLite numbers parameters by first appearance, so `select $2, $1` would swap them.
    private let places: [Int32]
    private let columns: Int32

    init(_ sql: String, on connection: OpaquePointer) throws(LedgerFailure) {
        var handle: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle else { throw LedgerFailure(sqlite: code, on: connection) }
        self.handle = handle
        let count = sqlite3_bind_parameter_count(handle)
        places = count == 0 ? [] : (1...count).map { sqlite3_bind_parameter_index(handle, "$\($0)") }
        columns = sqlite3_column_count(handle)
    }

    deinit { sqlite3_finalize(handle) }

    func bind(_ values: [SQLValue]) throws(LedgerFailure) {
        precondition(values.count == places.count, "\(values.count) values for \(places.count) parameters")
        for (place, value) in zip(places, values) {
            precondition(place > 0, "parameters are $1, $2 … without a gap")
            let code =
                switch value {
                case .null: sqlite3_bind_null(handle, place)
                case .integer(let number): sqlite3_bind_int64(handle, place, number)
                case .real(let number): sqlite3_bind_double(handle, place, number)
                case .text(let text): bind(text, at: place)
                case .bytes(let bytes): bind(bytes, at: place)
                }
            guard code == SQLITE_OK else { throw failure(code) }
        }
    }

    private func bind(_ text: String, at place: Int32) -> Int32 {
        var text = text
        return text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                sqlite3_bind_text64(
                    handle, place, $0.baseAddress, UInt64($0.count), sluice_sqlite_transient(), UInt8(SQLITE_UTF8))
            }
        }
    }

    private func bind(_ bytes: [UInt8], at place: Int32) -> Int32 {
        bytes.withUnsafeBytes { bytes in
            // SQLite takes no address for null.
            guard let start = bytes.baseAddress, bytes.count > 0 else { return sqlite3_bind_zeroblob(handle, place, 0) }
            return sqlite3_bind_blob64(handle, place, start, UInt64(bytes.count), sluice_sqlite_transient())
        }
    }

    /// True while there is a row.
    func step() throws(LedgerFailure) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw failure(code)
        }
    }

    var row: SQLRow { SQLRow((0..<columns).map { value($0) }) }

    private func value(_ column: Int32) -> SQLValue {
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(handle, column))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(handle, column))
        case SQLITE_NULL: return .null
        case SQLITE_BLOB:
            let bytes = sqlite3_column_blob(handle, column)
            let count = Int(sqlite3_column_bytes(handle, column))
            return .bytes(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
        default:
            // The text is asked for before its length: SQLite may convert it in between.
            let bytes = sqlite3_column_text(handle, column)
            let count = Int(sqlite3_column_bytes(handle, column))
            return .text(String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self))
        }
    }

    /// Ready for the next use; a statement left open would hold its read snapshot and keep the log from being cut.
    func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    private func failure(_ code: Int32) -> LedgerFailure { LedgerFailure(sqlite: code, on: sqlite3_db_handle(handle)) }
}

extension LedgerFailure {
    /// What SQLite said, as a kind. The message is read at once: the next call replaces it.
    init(sqlite code: Int32, on connection: OpaquePointer?) {
        let message = "SQLite: \(String(cString: sqlite3_errmsg(connection))) (\(code))."
        let noSpace = connection.map { sqlite3_system_errno($0) == sluice_no_space() } ?? false
        let kind: Kind =
            switch code & 0xFF {
            case SQLITE_FULL: .full
            case SQLITE_IOERR, SQLITE_CANTOPEN: noSpace ? .full : .unavailable
            case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL, SQLITE_NOMEM, SQLITE_INTERRUPT: .unavailable
            case SQLITE_READONLY, SQLITE_PERM: .readOnly
            case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
            case SQLITE_CONSTRAINT: .conflict(.unique)
            default: .program
            }
        self.init(kind, message)
    }
}
