package import Core

/// Files so small that they ride in the transaction which makes their rows: one commit makes both durable. They stay until
/// whoever works on them has them elsewhere.
package struct SmallFiles {
    /// What is larger has a file of its own from its first byte.
    package static let largest = 16 << 10

    let tx: Transaction

    package func insert(_ upload: UploadID, _ bytes: [UInt8]) throws {
        try tx.connection.perform(
            "insert into small_files (upload_id, content) values ($1, $2)", [.id(upload), .bytes(bytes)])
    }

    package func find(_ upload: UploadID) throws -> [UInt8]? {
        guard
            var row = try tx.connection.first(
                "select content from small_files where upload_id = $1", [.id(upload)])
        else { return nil }
        return try row.bytes()
    }

    package func remove(_ upload: UploadID) throws {
        try tx.connection.perform("delete from small_files where upload_id = $1", [.id(upload)])
    }

    /// Those that lie in the ledger for uploads of one node.
    package func list(node: NodeID, after id: UploadID? = nil, limit: Int) throws -> [UploadID] {
        try tx.connection.query(
            """
            select f.upload_id from small_files f join uploads u on u.id = f.upload_id
            where f.upload_id > $1 and u.node = $2 order by f.upload_id limit $3
            """, [.text(id?.text ?? ""), .id(node), .integer(limit)]
        ).map {
            var row = $0
            return try row.id()
        }
    }
}
