package import Core

/// Where a list goes on: the time and id of the last row that was shown. Its text form goes out as `nextCursor`.
package struct Cursor: Sendable, Equatable {
    package let at: Timestamp
    package let id: String

    package init(at: Timestamp, id: String) {
        self.at = at
        self.id = id
    }

    package var text: String { "\(at.microseconds).\(id)" }

    /// Nil for text that we did not make.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let microseconds = Int64(parts[0]), parts[1].utf8.count <= 64 else { return nil }
        self.init(at: Timestamp(microseconds: microseconds), id: String(parts[1]))
    }
}

/// From where a list is read: after a cursor, or by page number (from 1), newest first.
package enum Position: Sendable {
    case after(Cursor?)
    case page(Int)

    package static var start: Self { .after(nil) }

    var isStart: Bool {
        switch self {
        case .after(let cursor): cursor == nil
        case .page(let page): page <= 1
        }
    }

    /// How many rows lie before it, where that is how it is told.
    func skipped(_ limit: Int) -> Int {
        guard case .page(let page) = self else { return 0 }
        return (max(page, 1) - 1) * limit
    }
}

/// One page of a list. `total` is exact to 10,000.
package struct Page<Row: Sendable>: Sendable {
    package let rows: [Row]
    package let total: Int
    /// Nil at the end.
    package let next: Cursor?

    package init(rows: [Row], total: Int, next: Cursor?) {
        self.rows = rows
        self.total = total
        self.next = next
    }

    /// `rows` holds one more than `limit` when there is more.
    init(rows: [Row], limit: Int, total: Int, cursor: (Row) -> Cursor) {
        let shown = Array(rows.prefix(limit))
        self.init(rows: shown, total: total, next: rows.count > limit ? shown.last.map(cursor) : nil)
    }
}

/// The part of a list's SQL that its position makes; `column` and `id` are the order's columns.
struct Keyset {
    var conditions: [String] = []
    var values: [SQLValue] = []

    mutating func add(_ condition: (String) -> String, _ value: SQLValue) {
        values.append(value)
        conditions.append(condition("$\(values.count)"))
    }

    /// Everything from `where` on, newest first.
    mutating func tail(_ position: Position, limit: Int, column: String, id: String) -> String {
        add(position, column: column, id: id)
        let filter = conditions.isEmpty ? "" : " where " + conditions.joined(separator: " and ")
        values.append(.integer(limit + 1))
        var tail = "\(filter) order by \(column) desc, \(id) desc limit $\(values.count)"
        let skipped = position.skipped(limit)
        if skipped > 0 {
            values.append(.integer(skipped))
            tail += " offset $\(values.count)"
        }
        return tail
    }

    mutating func add(_ position: Position, column: String, id: String) {
        guard case .after(let cursor?) = position else { return }
        values += [.time(cursor.at), .text(cursor.id)]
        conditions.append("(\(column), \(id)) < ($\(values.count - 1), $\(values.count))")
    }
}

extension Transaction {
    /// The ids of one page, and of one row more, of several lists of `created_at, id` that share the keyset's values.
    func merged(_ lists: [String], _ keyset: Keyset, _ position: Position, limit: Int) throws -> [String] {
        let (skipped, order) = (position.skipped(limit), "created_at desc, id desc")
        let last = keyset.values.count
        let merged = connection.dialect.merged(lists, order: order, enough: "$\(last + 3)")
        var values = keyset.values + [.integer(limit + 1), .integer(skipped)]
        if merged.contains("$\(last + 3)") { values.append(.integer(skipped + limit + 1)) }
        return try connection.query(
            "\(merged) order by \(order) limit $\(last + 1) offset $\(last + 2)", values
        ).map {
            var row = $0
            _ = try row.time()
            return try row.text()
        }
    }
}
