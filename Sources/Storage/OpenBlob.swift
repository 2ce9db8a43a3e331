package import Platform

/// A blob that is open for sending.
package enum OpenBlob: Sendable {
    /// All of it is on this disk: the kernel can send it. The descriptor outlives the name.
    case file(SharedDescriptor)
    /// It comes as it is read.
    case stream(any ArrivingBlob)
}

/// A blob on its way here; each reader takes the part it wants, at its own pace.
package protocol ArrivingBlob: Sendable {
    /// Of the whole.
    var size: Int64 { get }
    func reader(_ range: Range<Int64>) async throws(BlobFailure) -> any BlobReader
    /// Waits for the last byte; nil where no file is made of it.
    func file() async throws(BlobFailure) -> SharedDescriptor?
}

/// Where delivery opens blobs: the local store's own files, or a cache before a store that keeps none.
package protocol BlobShelf: Sendable {
    /// `size` is the caller's knowledge of it, if any: what is larger than a shelf keeps is then not begun.
    func open(_ key: BlobKey, size: Int64?) async throws(BlobFailure) -> OpenBlob
    /// What lay below a prefix (of three parts or more) is not to be had any more.
    func forget(_ prefix: BlobKey) async
}

extension LocalBlobStore: BlobShelf {
    package func open(_ key: BlobKey, size: Int64?) async throws(BlobFailure) -> OpenBlob {
        let path = tree.path(of: key)
        return .file(
            try await lanes.lane(for: key).run { () throws(BlobFailure) in
                do throws(Errno) {
                    return SharedDescriptor(try .reading(path))
                } catch {
                    throw BlobFailure(error, key.path)
                }
            })
    }

    package func forget(_ prefix: BlobKey) async {}
}

/// Read from the store as it is asked for, and kept nowhere.
struct DirectBlob: ArrivingBlob {
    let store: any BlobStore
    let key: BlobKey
    let size: Int64

    func reader(_ range: Range<Int64>) async throws(BlobFailure) -> any BlobReader {
        try await store.read(key, range: range)
    }

    func file() async throws(BlobFailure) -> SharedDescriptor? { nil }
}
