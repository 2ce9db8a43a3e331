package import Core
package import HTTPServer
package import Ledger

/// `page`, `limit` and `cursor` of a list, and the pagination of its answer. A wrong one is refused, never guessed.
package struct ListQuery: Sendable {
    package let position: Position
    package let limit: Int
    private let page: Int

    package static let largest = 100
    /// Pages by number step over the rows before them; a cursor finds its place at once.
    static let deepest = 100_000

    package init(_ query: Query) throws {
        limit = try Self.number(query, "limit", 1...Self.largest) ?? 20
        page = try Self.number(query, "page", 1...1_000_000) ?? 1
        guard (page - 1) * limit <= Self.deepest || query["cursor"] != nil else {
            throw StreamFailure(.invalidRequest, "page is too far in; go on with cursor, the nextCursor of a page.")
        }
        if let text = query["cursor"] {
            guard let cursor = Cursor(text) else {
                throw StreamFailure(.invalidRequest, "cursor must be the nextCursor of an earlier page.")
            }
            position = .after(cursor)
        } else {
            position = .page(page)
        }
    }

    package func pagination<Row>(of found: Page<Row>) -> JSON {
        [
            "page": .integer(Int64(page)), "limit": .integer(Int64(limit)), "total": .integer(Int64(found.total)),
            "totalPages": .integer(Int64((found.total + limit - 1) / limit)),
            "nextCursor": .optional(found.next?.text),
        ]
    }

    /// A whole number of a query, refused where it is none or outside.
    private static func number(_ query: Query, _ name: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = query[name] else { return nil }
        guard let number = Int(pathParameter: text), range.contains(number) else {
            throw StreamFailure(
                .invalidRequest, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }
}
