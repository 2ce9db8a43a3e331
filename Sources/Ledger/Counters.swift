/// Kept counts, so that totals of lists and depths of queues cost a look-up. A count is the sum of its shards: each
/// connection adds to its own row.
struct Counters {
    let tx: Transaction

    func add(_ scope: String, _ item: String, _ delta: Int64) throws {
        guard delta != 0 else { return }
        let values: [SQLValue] = [.text(scope), .text(item), .integer(tx.connection.shard), .integer(delta)]
        try tx.connection.perform(
            """
            insert into counters (scope, item, shard, value) values ($1, $2, $3, $4)
            on conflict (scope, item, shard) do update set value = counters.value + excluded.value
            """, values)
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
}
