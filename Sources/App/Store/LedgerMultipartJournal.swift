import Core
import Ledger
import Storage

/// Uploads in parts, remembered by the ledger: what Storage needs and does not know itself.
struct LedgerMultipartJournal: MultipartJournal {
    let ledger: any LedgerStore
    /// `s3://bucket/prefix`.
    let store: String
    let node: NodeID
    /// For the start of a node: what its earlier lives began, and nothing else.
    var isOwnOnly = false

    func begin(_ multipart: UnfinishedMultipart) async throws {
        let (row, node) = (row(multipart), node)
        try await ledger.write("multipart.begin") { tx in try tx.multiparts.begin(row, node: node) }
    }

    func end(_ multipart: UnfinishedMultipart) async throws {
        let row = row(multipart)
        try await ledger.write("multipart.end") { tx in try tx.multiparts.end(row) }
    }

    func unfinished(before moment: Timestamp, limit: Int) async throws -> [UnfinishedMultipart] {
        let (store, node) = (store, isOwnOnly ? node : nil)
        let rows = try await ledger.read("multipart.unfinished") { tx in
            try tx.multiparts.unfinished(at: store, before: moment, of: node, limit: limit)
        }
        return rows.compactMap { row in
            BlobKey(row.key).map { UnfinishedMultipart(key: $0, uploadID: row.uploadID) }
        }
    }

    func holds(_ multiparts: [UnfinishedMultipart]) async throws -> Set<UnfinishedMultipart> {
        guard !multiparts.isEmpty else { return [] }
        let rows = multiparts.map(row)
        let held = try await ledger.read("multipart.holds") { tx in try rows.map { try tx.multiparts.holds($0) } }
        return Set(zip(multiparts, held).filter(\.1).map(\.0))
    }

    func owned(among keys: [BlobKey]) async throws -> Set<BlobKey> {
        let known = try await Owners(ledger).known(among: keys.map(\.path))
        return Set(keys.filter { known.contains($0.path) })
    }

    private func row(_ multipart: UnfinishedMultipart) -> MultipartRow {
        MultipartRow(store: store, key: multipart.key.path, uploadID: multipart.uploadID)
    }
}
