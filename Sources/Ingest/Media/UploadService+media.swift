package import Core
package import Ledger

extension UploadService {
    /// The kinds of job that media make.
    package static let mediaJob = "media"
    package static let mediaRemoval = "media.remove"

    /// All of a file is durable: its rows and the job that judges it, or nothing.
    static func insert(_ row: UploadRow, as use: MediaUse, _ tx: Transaction) throws {
        try tx.uploads.insert(row)
        try tx.media.insert(
            MediaRow(
                id: row.id, tenant: row.tenant, owner: row.owner, use: use, originalName: row.filename,
                size: row.size ?? 0, sha256: row.sha256 ?? "", createdAt: tx.now))
        _ = try tx.jobs.enqueue(
            NewJob(
                kind: mediaJob, queue: .finish, tenant: row.tenant, uploadID: row.id, uniqueKey: "media:\(row.id)",
                pinnedNode: row.node, requestID: row.requestID))
    }

    /// From here on nobody finds it; its bytes go by a job. False when it was gone already.
    package func deleteMedia(_ media: MediaRow, requestID: RequestID) async throws -> Bool {
        try await ledger.write("media.delete") { tx in
            guard try tx.media.delete(media.id) else { return false }
            _ = try tx.jobs.enqueue(
                NewJob(
                    kind: Self.mediaRemoval, queue: .finish, tenant: media.tenant, uploadID: media.id,
                    uniqueKey: "media.remove:\(media.id)", pinnedNode: try tx.uploads.find(media.id)?.node,
                    requestID: requestID))
            return true
        }
    }

    /// As it is once it was judged; nil when that takes longer than `patience`.
    func judged(_ id: UploadID, within patience: Duration, by time: any TimeSource) async throws -> MediaRow? {
        try await withThrowingTaskGroup(of: MediaRow?.self) { group in
            group.addTask {
                try await time.sleep(for: patience)
                return nil
            }
            group.addTask { try await self.judged(id) }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    private func judged(_ id: UploadID) async throws -> MediaRow? {
        var mark = ledger.hints.mark(.media)
        while true {
            let row = try await ledger.read("media.judged") { tx in try tx.media.find(id) }
            guard let row, row.state == .processing else { return row }
            await ledger.hints.wait(for: .media, since: &mark)
            try Task.checkCancellation()
        }
    }
}
