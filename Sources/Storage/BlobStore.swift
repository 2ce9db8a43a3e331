package import Platform

/// Where originals and segments live. Every backend keeps the promises of `Tests/Conformance/BlobStorePromises.swift`;
/// a promise that only one of them can keep does not belong here.
package protocol BlobStore: Sendable {
    /// Whole and durable when it returns; readers see the old bytes or the new, never a mixture.
    func put(_ bytes: [UInt8], at key: BlobKey) async throws(BlobFailure)
    /// The whole file. A store on the same disk takes the very bytes (a hard link), so nobody may write to it afterwards.
    func put(file: borrowing FileDescriptor, at key: BlobKey) async throws(BlobFailure)
    /// Many at once, each as `put` would; all are durable when it returns. When it throws, some may be there.
    func put(all items: [BlobItem]) async throws(BlobFailure)
    /// Everything below `folder`, at the same names below `prefix`. Durable when it returns, and the folder is gone.
    func adopt(folder: String, as prefix: BlobKey) async throws(BlobFailure)

    /// `refused` when there is more than `limit` bytes of it.
    func get(_ key: BlobKey, limit: Int) async throws(BlobFailure) -> [UInt8]
    /// From the beginning, or the part of it that lies in `range`; `absent` where there is nothing. A range that ends past
    /// the blob is cut; one that begins at its end or later is `refused`.
    func read(_ key: BlobKey, range: Range<Int64>?) async throws(BlobFailure) -> any BlobReader
    /// Nil where there is nothing.
    func size(of key: BlobKey) async throws(BlobFailure) -> Int64?
    /// Nothing there is no error: sweeps may run twice.
    func delete(_ key: BlobKey) async throws(BlobFailure)
    /// Many, each as `delete` would. When it throws, some may be gone.
    func delete(_ keys: [BlobKey]) async throws(BlobFailure)
    /// The same bytes under a second name; they never leave the store.
    func copy(_ from: BlobKey, to: BlobKey) async throws(BlobFailure)
    /// What begins with `prefix` (a text, not a folder) and comes after `after`, in the order of keys.
    func list(prefix: String, after: BlobKey?, limit: Int) async throws(BlobFailure) -> [BlobEntry]

    /// The file that holds it, for `sendfile`; nil where the store keeps no files. It may or may not exist.
    func localPath(of key: BlobKey) -> String?
}

package struct BlobEntry: Hashable, Sendable {
    package let key: BlobKey
    package let size: Int64

    package init(key: BlobKey, size: Int64) {
        self.key = key
        self.size = size
    }
}

/// One of many that are put at once.
package struct BlobItem: Sendable {
    package enum Source: Sendable {
        case bytes([UInt8])
        /// A file that nobody writes to any more.
        case file(path: String)
    }

    package let key: BlobKey
    package let source: Source

    package init(_ key: BlobKey, _ source: Source) {
        self.key = key
        self.source = source
    }
}

extension BlobStore {
    package func get(_ key: BlobKey) async throws(BlobFailure) -> [UInt8] {
        try await get(key, limit: 64 << 20)
    }

    package func delete(_ keys: [BlobKey]) async throws(BlobFailure) {
        for key in keys { try await delete(key) }
    }

    /// Deletes all that begins with `prefix`, a page at a time; says how many.
    @discardableResult
    package func deleteAll(prefix: String) async throws(BlobFailure) -> Int {
        var count = 0
        while true {
            let page = try await list(prefix: prefix, after: nil, limit: 500)
            try await delete(page.map(\.key))
            count += page.count
            if page.count < 500 { return count }
        }
    }
}
