package import Platform
package import Storage
import Synchronization

/// A store in memory whose reads do as a test says: be away, break off, hang, lie.
package final class FaultyStore: BlobStore {
    package enum Behaviour: Sendable {
        case well
        case away
        /// Breaks off after so many bytes.
        case breaks(after: Int)
        /// Ends after so many bytes, as if that were all.
        case endsEarly(after: Int)
        /// Goes on past the size it named.
        case runsOver
        /// Stops after so many bytes until `release`, or until the reader's task is cancelled.
        case holds(after: Int)
    }

    private struct State {
        var blobs: [BlobKey: [UInt8]] = [:]
        var behaviour = Behaviour.well
        package var reads: [Range<Int64>?] = []
        var held: [CheckedContinuation<Void, Never>] = []
        var isReleased = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Every read so far, by its range.
    package var reads: [Range<Int64>?] { state.withLock(\.reads) }

    package func behave(_ behaviour: Behaviour) { state.withLock { $0.behaviour = behaviour } }

    /// What holds goes on, now and from now on.
    package func release() {
        let held = state.withLock { state in
            state.isReleased = true
            defer { state.held = [] }
            return state.held
        }
        for one in held { one.resume() }
    }

    fileprivate func hold() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReleased = state.withLock { state in
                    if state.isReleased || Task.isCancelled { return true }
                    state.held.append(continuation)
                    return false
                }
                if isReleased { continuation.resume() }
            }
        } onCancel: {
            release()
        }
    }

    package func read(_ key: BlobKey, range: Range<Int64>?) async throws(BlobFailure) -> any BlobReader {
        let (bytes, behaviour) = state.withLock { state in
            state.reads.append(range)
            return (state.blobs[key], state.behaviour)
        }
        if case .away = behaviour { throw BlobFailure(.away, "the store is away") }
        guard let bytes else { throw BlobFailure(.absent, "there is nothing at \(key)") }
        return Reader(bytes, range, behaviour, self)
    }

    package func put(_ bytes: [UInt8], at key: BlobKey) async throws(BlobFailure) {
        state.withLock { $0.blobs[key] = bytes }
    }

    package func size(of key: BlobKey) async throws(BlobFailure) -> Int64? {
        try state.withLock { state throws(BlobFailure) in
            if case .away = state.behaviour { throw BlobFailure(.away, "the store is away") }
            return state.blobs[key].map { Int64($0.count) }
        }
    }

    // The rest of the seam: nothing here needs it.
    package func put(file: borrowing FileDescriptor, at key: BlobKey) async throws(BlobFailure) { throw Self.unused }
    package func put(all items: [BlobItem]) async throws(BlobFailure) { throw Self.unused }
    package func adopt(folder: String, as prefix: BlobKey) async throws(BlobFailure) { throw Self.unused }
    package func get(_ key: BlobKey, limit: Int) async throws(BlobFailure) -> [UInt8] { throw Self.unused }
    package func delete(_ key: BlobKey) async throws(BlobFailure) { throw Self.unused }
    package func delete(_ keys: [BlobKey]) async throws(BlobFailure) { throw Self.unused }
    package func copy(_ from: BlobKey, to: BlobKey) async throws(BlobFailure) { throw Self.unused }
    package func list(prefix: String, after: BlobKey?, limit: Int) async throws(BlobFailure) -> [BlobEntry] {
        throw Self.unused
    }
    package func localPath(of key: BlobKey) -> String? { nil }

    private static let unused = BlobFailure(.refused, "not in this store")

    private final class Reader: BlobReader {
        let size: Int64
        let tag = "\"v1\""
        private let bytes: ArraySlice<UInt8>
        private let behaviour: Behaviour
        private let store: FaultyStore
        private let sent = Mutex(0)

        init(_ bytes: [UInt8], _ range: Range<Int64>?, _ behaviour: Behaviour, _ store: FaultyStore) {
            size = Int64(bytes.count)
            let range = (range ?? 0..<size).clamped(to: 0..<size)
            self.bytes = bytes[Int(range.lowerBound)..<Int(range.upperBound)]
            self.behaviour = behaviour
            self.store = store
        }

        func next() async throws(BlobFailure) -> [UInt8] {
            let before = sent.withLock { $0 }
            var count = min(10_000, bytes.count - before)
            switch behaviour {
            case .well, .away: break
            case .breaks(let limit):
                if before >= limit { throw BlobFailure(.away, "the connection was reset") }
                count = min(count, limit - before)
            case .endsEarly(let limit): count = min(count, limit - before)
            case .runsOver where before >= bytes.count: return [0]
            case .runsOver: break
            case .holds(let limit):
                if before == limit {
                    await store.hold()
                    if Task.isCancelled { throw BlobFailure(.away, "cancelled") }
                } else if before < limit {
                    count = min(count, limit - before)
                }
            }
            sent.withLock { $0 = before + count }
            let start = bytes.startIndex + before
            return Array(bytes[start..<start + count])
        }
    }
}
