package import Core
internal import Synchronization

/// An upload in parts that was begun and whose end nobody wrote down.
package struct UnfinishedMultipart: Hashable, Sendable {
    package let key: BlobKey
    package let uploadID: String

    package init(key: BlobKey, uploadID: String) {
        self.key = key
        self.uploadID = uploadID
    }
}

/// Remembers uploads in parts beyond the life of this process, for a store keeps and bills the parts of one that is neither
/// completed nor aborted. `begin` is durable before the first part is sent.
package protocol MultipartJournal: Sendable {
    func begin(_ multipart: UnfinishedMultipart) async throws
    /// Completed or aborted. One that is not there is no error.
    func end(_ multipart: UnfinishedMultipart) async throws
    /// Begun before `moment` and not ended, oldest first, a page at most.
    func unfinished(before moment: Timestamp, limit: Int) async throws -> [UnfinishedMultipart]
    /// Which of these somebody began and did not end.
    func holds(_ multiparts: [UnfinishedMultipart]) async throws -> Set<UnfinishedMultipart>
    /// Which of these keys are its owner's, and not those of others who use the same bucket.
    func owned(among keys: [BlobKey]) async throws -> Set<BlobKey>
}

/// For one process's life: tests, and commands that upload and go.
package final class MemoryMultipartJournal: MultipartJournal {
    private let rows = Mutex<[(row: UnfinishedMultipart, began: Timestamp)]>([])
    private let time: any TimeSource

    private let isOwned: @Sendable (BlobKey) -> Bool

    package init(time: any TimeSource, isOwned: @escaping @Sendable (BlobKey) -> Bool = { _ in true }) {
        self.time = time
        self.isOwned = isOwned
    }

    package func begin(_ multipart: UnfinishedMultipart) async throws {
        let now = time.now
        rows.withLock { $0.append((multipart, now)) }
    }

    package func end(_ multipart: UnfinishedMultipart) async throws {
        rows.withLock { $0.removeAll { $0.row == multipart } }
    }

    package func unfinished(before moment: Timestamp, limit: Int) async throws -> [UnfinishedMultipart] {
        rows.withLock { Array($0.filter { $0.began < moment }.map(\.row).prefix(limit)) }
    }

    package func holds(_ multiparts: [UnfinishedMultipart]) async throws -> Set<UnfinishedMultipart> {
        rows.withLock { Set(multiparts).intersection($0.map(\.row)) }
    }

    package func owned(among keys: [BlobKey]) async throws -> Set<BlobKey> { Set(keys.filter(isOwned)) }
}
