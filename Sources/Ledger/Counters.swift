/// Kept counts, so that totals of lists and depths of queues cost a look-up. A count is the sum of its shards: each
/// connection adds to its own row.
struct Counters {
    let tx: Transaction

    struct Entry: Hashable {
        let scope: String
        let item: String
    }

    /// As many go into one statement.
    private static let together = 8

    func add(_ scope: String, _ item: String, _ delta: Int64) throws {
        try add([Entry(scope: scope, item: item): delta])
    }

    /// Always in one order, so that two transactions do not wait for each other.
    func add(_ deltas: [Entry: Int64]) throws {
        let deltas = deltas.filter { $0.value != 0 }.sorted {
            ($0.key.scope, $0.key.item) < ($1.key.scope, $1.key.item)
        }
        for start in stride(from: 0, to: deltas.count, by: Self.together) {
            let some = deltas[start..<min(start + Self.together, deltas.count)]
            var values: [SQLValue] = [.integer(tx.connection.shard)]
            for (entry, delta) in some { values += [.text(entry.scope), .text(entry.item), .integer(delta)] }
            let rows = (0..<some.count).map { "($\(3 * $0 + 2), $\(3 * $0 + 3), $1, $\(3 * $0 + 4))" }
            try tx.connection.perform(
                """
                insert into counters (scope, item, shard, value) values \(rows.joined(separator: ", "))
                on conflict (scope, item, shard) do update set value = counters.value + excluded.value
                """, values)
        }
    }

    func sum(_ scope: String, _ item: String) throws -> Int {
        Int(
            try tx.connection.number(
                "select cast(sum(value) as bigint) from counters where scope = $1 and item = $2",
                [.text(scope), .text(item)]))
    }

    func sums(_ scope: String) throws -> [String: Int] {
        var sums: [String: Int] = [:]
        for var row in try tx.connection.query("select item, value from counters where scope = $1", [.text(scope)]) {
            sums[try row.text(), default: 0] += try row.int()
        }
        return sums
    }

    /// Of several scopes at once.
    func sums(_ scopes: [String]) throws -> [Entry: Int] {
        var sums: [Entry: Int] = [:]
        let rows = try tx.connection.query(
            "select scope, item, value from counters where scope \(tx.connection.dialect.isIn("$1"))", [.texts(scopes)])
        for var row in rows { sums[Entry(scope: try row.text(), item: try row.text()), default: 0] += try row.int() }
        return sums
    }
}
