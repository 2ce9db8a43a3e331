import Core

/// What a backend is to the aggregates: SQL with `$1` parameters, values out. One connection belongs to one thread.
package protocol SQLConnection: AnyObject {
    var dialect: Dialect { get }
    /// Which row of a kept counter this connection adds to, so that connections do not queue for one row.
    var shard: Int64 { get }
    var pendingHints: Set<Hints.Kind> { get set }

    func query(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) -> [SQLRow]
    /// Questions of which none needs another's answer, in their order: a backend across a network sends them as one.
    func queries(_ questions: [SQLQuestion]) throws(LedgerFailure) -> [[SQLRow]]
    /// How many rows it changed.
    func execute(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) -> Int
    /// A change that nobody counts: a backend across a network sends it with what is asked next, and tells its failure
    /// then.
    func perform(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure)

    /// At the end of a select: the row found is this transaction's until it ends, so that what is decided on it still
    /// holds when it is written. Empty where there is one writer, and in reads.
    var held: String { get }
    /// The same, for takers who leave alone what another has.
    var heldUnlessTaken: String { get }
    /// From here on to the end, this transaction is the only one under that name. For decisions on what is not one row: a
    /// sum, a row that is not there yet.
    func lock(_ name: String) throws(LedgerFailure)
}

/// A query that is not asked yet.
package struct SQLQuestion: Sendable {
    let sql: String
    let values: [SQLValue]

    init(_ sql: String, _ values: [SQLValue]) {
        self.sql = sql
        self.values = values
    }
}

extension SQLConnection {
    func queries(_ questions: [SQLQuestion]) throws(LedgerFailure) -> [[SQLRow]] {
        var answers: [[SQLRow]] = []
        for question in questions { answers.append(try query(question.sql, question.values)) }
        return answers
    }

    func perform(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) { _ = try execute(sql, values) }
    var held: String { "" }
    var heldUnlessTaken: String { "" }
    func lock(_ name: String) throws(LedgerFailure) {}
}

/// The few places where the backends' SQL differs.
package enum Dialect: Sendable {
    case sqlite, postgres

    /// After an insert: a row that is there already is left alone, and the insert counts as no change. Asked for instead of
    /// an error, because PostgreSQL ends a transaction at its first error.
    var orIgnore: String { " on conflict do nothing" }

    /// A column is one of those in a JSON list of texts, given as one parameter: one statement for lists of any length.
    func isIn(_ parameter: String) -> String {
        switch self {
        case .sqlite: "in (select value from json_each(\(parameter)))"
        case .postgres: "= any(array(select json_array_elements_text(cast(\(parameter) as json))))"
        }
    }

    /// The newest of several lists that each lie in order in an index: `order` and `limit` are the whole's. SQLite merges
    /// such lists by itself; PostgreSQL would sort them whole, and is told how much of each is enough. `enough` is a
    /// parameter.
    func merged(_ lists: [String], order: String, enough: String) -> String {
        switch self {
        case .sqlite: lists.joined(separator: " union all ")
        case .postgres:
            lists.enumerated().map { "select * from (\($1) order by \(order) limit \(enough)) as list\($0)" }
                .joined(separator: " union all ")
        }
    }

    /// A statement of the schema. Texts are compared byte by byte everywhere, as SQLite and Swift do.
    func schema(_ statement: String) -> String {
        guard self == .postgres else { return statement }
        var statement = statement.replacing(" blob ", with: " bytea ")
        for end in [" ", ",", ")"] {
            statement = statement.split(separator: " text" + end, omittingEmptySubsequences: false)
                .joined(separator: " text collate \"C\"" + end)
        }
        return statement
    }

    /// After an insert: a row with the same key gets the new values.
    func orUpdate(_ key: String, _ columns: [String]) -> String {
        " on conflict (\(key)) do update set " + columns.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
    }
}

package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
}

extension SQLValue {
    static func text(_ value: String?) -> Self { value.map { .text($0) } ?? .null }
    static func integer(_ value: Int64?) -> Self { value.map { .integer($0) } ?? .null }
    static func integer(_ value: Int) -> Self { .integer(Int64(value)) }
    static func time(_ value: Timestamp?) -> Self { value.map { .integer($0.microseconds) } ?? .null }
    static func id(_ value: (some Identifier)?) -> Self { value.map { .text($0.text) } ?? .null }
    static func user(_ value: UserID) -> Self { .text(value.text) }
    static func state(_ value: some RawRepresentable<String>) -> Self { .text(value.rawValue) }
    /// For `Dialect.isIn`.
    static func texts(_ values: [String]) -> Self { .text(JSON.array(values.map { .string($0) }).text) }
    static func flag(_ value: Bool) -> Self { .integer(value ? 1 : 0) }
}

extension SQLConnection {
    func first(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) -> SQLRow? { try query(sql, values).first }

    /// Of a query that yields one number; nothing or null is 0.
    func number(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) -> Int64 {
        guard var row = try query(sql, values).first else { return 0 }
        return try row.optionalInteger() ?? 0
    }
}

/// `$1, $2 … $n`.
func placeholders(_ count: Int, from first: Int = 1) -> String {
    (first..<first + count).map { "$\($0)" }.joined(separator: ", ")
}
