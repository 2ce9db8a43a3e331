package import Core

/// An upload in parts, at a store of blobs that keeps its parts until somebody completes or aborts it.
package struct MultipartRow: Hashable, Sendable {
    /// Where: `s3://bucket/prefix`. Rows of a store that is not in use any more concern nobody.
    package var store: String
    package var key: String
    package var uploadID: String

    package init(store: String, key: String, uploadID: String) {
        self.store = store
        self.key = key
        self.uploadID = uploadID
    }
}

/// What was begun at the store and not ended: a row stands before the first part is sent and goes with the last word, so
/// that whatever ends the process between leaves something to sweep.
package struct Multiparts {
    let tx: Transaction

    /// Once more is no error: the answer to the first may have been lost.
    package func begin(_ row: MultipartRow, node: NodeID) throws {
        _ = try tx.connection.execute(
            """
            insert into multiparts (store, blob_key, upload_id, node, began_at)
            values ($1, $2, $3, $4, $5)\(tx.connection.dialect.orIgnore)
            """, [.text(row.store), .text(row.key), .text(row.uploadID), .id(node), .time(tx.now)])
    }

    package func end(_ row: MultipartRow) throws {
        _ = try tx.connection.execute(
            "delete from multiparts where store = $1 and blob_key = $2 and upload_id = $3",
            [.text(row.store), .text(row.key), .text(row.uploadID)])
    }

    /// Oldest first; `node` for those that it began.
    package func unfinished(
        at store: String, before moment: Timestamp, of node: NodeID? = nil, limit: Int
    ) throws -> [MultipartRow] {
        try tx.connection.query(
            """
            select blob_key, upload_id from multiparts where store = $1 and began_at < $2
            and ($3 = '' or node = $3) order by began_at, blob_key, upload_id limit $4
            """, [.text(store), .time(moment), .text(node?.text ?? ""), .integer(limit)]
        ).map {
            var row = $0
            return MultipartRow(store: store, key: try row.text(), uploadID: try row.text())
        }
    }

    package func holds(_ row: MultipartRow) throws -> Bool {
        try tx.connection.number(
            "select count(*) from multiparts where store = $1 and blob_key = $2 and upload_id = $3",
            [.text(row.store), .text(row.key), .text(row.uploadID)]) > 0
    }
}
