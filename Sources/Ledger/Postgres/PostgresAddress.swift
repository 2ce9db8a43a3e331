import CPostgres
import Core

/// Where a server is and who we are to it, as libpq reads it: `postgres://user:password@host:port/database?sslmode=…`.
/// Never printed whole, for it may hold a password.
package struct PostgresAddress: Sendable, CustomStringConvertible {
    private let url: String
    private let connectSeconds: Int

    /// Throws `.refused` for what is no such address.
    package init(_ url: String, connectSeconds: Int = 5) throws(LedgerFailure) {
        self.url = url
        self.connectSeconds = connectSeconds
        let isURL = url.hasPrefix("postgres://") || url.hasPrefix("postgresql://")
        // Its own message repeats parts of the address, the password among them.
        guard isURL, Self.isWellFormed(url) else {
            throw LedgerFailure(
                .refused,
                """
                The ledger's address is not of the form postgres://user:password@host:port/database, where @ / % in user \
                or password are written %40 %2F %25.
                """)
        }
    }

    /// A password that is not written as it should be ends too soon, and its rest is taken for a host or a port, which
    /// messages would repeat.
    private static func isWellFormed(_ url: String) -> Bool {
        guard let options = PQconninfoParse(url, nil) else { return false }
        defer { PQconninfoFree(options) }
        var next = options
        while let keyword = next.pointee.keyword {
            let value = next.pointee.val.map { String(cString: $0) } ?? ""
            switch String(cString: keyword) {
            case "port": guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2C }) else { return false }
            case "host": guard !value.contains("@") else { return false }
            default: break
            }
            next += 1
        }
        return true
    }

    package var description: String { "postgres://<redacted>" }

    /// Blocks until the server lets us in, says why not, or `connectSeconds` are over.
    func connect() throws(LedgerFailure) -> OpaquePointer {
        // What the address says comes last and so holds; these are what it may leave open.
        let options = [
            ("connect_timeout", "\(connectSeconds)"), ("keepalives_idle", "15"), ("keepalives_interval", "5"),
            ("keepalives_count", "3"), ("tcp_user_timeout", "20000"), ("application_name", "sluice"), ("dbname", url),
        ]
        let handle = withCStrings(options.map(\.0)) { keys in
            withCStrings(options.map(\.1)) { values in PQconnectdbParams(keys, values, 1) }
        }
        guard let handle else { throw LedgerFailure(.unavailable, "There is no memory for a connection.") }
        if PQstatus(handle) == CONNECTION_OK, PQserverVersion(handle) >= 120_000 { return handle }
        let failure =
            PQstatus(handle) == CONNECTION_OK
            ? LedgerFailure(.refused, "The server is older than PostgreSQL 12.")
            : Self.failure(Self.oneLine(PQerrorMessage(handle)))
        PQfinish(handle)
        throw failure
    }

    /// libpq 15 tells no SQLSTATE of a failed connect. What the server itself says no to is final, but for a server that
    /// comes up or is full.
    private static func failure(_ message: String) -> LedgerFailure {
        let passing = ["starting up", "shutting down", "recovery", "too many", "remaining connection slots", "not yet"]
        let final = ["FATAL:", "certificate", "SSL", "no password supplied", "server name", "invalid"]
        let isFinal = final.contains { message.contains($0) } && !passing.contains { message.contains($0) }
        return LedgerFailure(isFinal ? .refused : .unavailable, message)
    }

    /// libpq's messages have lines, and name host, user and database, but no password.
    static func oneLine(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        return String(cString: text).split { $0.isNewline }.joined(separator: " ")
            .replacing("\t", with: " ")
    }
}

/// A list of C strings, ended by null.
private func withCStrings<T>(_ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> T) -> T {
    var bytes: [CChar] = []
    var starts: [Int] = []
    for text in texts {
        starts.append(bytes.count)
        bytes += text.utf8.map { CChar(bitPattern: $0) } + [0]
    }
    return bytes.withUnsafeBufferPointer { buffer in
        let pointers = starts.map { start in buffer.baseAddress.map { $0 + start } } + [nil]
        return pointers.withUnsafeBufferPointer { list in
            // Never empty: the null at its end.
            guard let first = list.baseAddress else { preconditionFailure("a list without its end") }
            return body(first)
        }
    }
}
