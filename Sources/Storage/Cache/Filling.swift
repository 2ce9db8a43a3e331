import Platform
import Synchronization

/// One blob on its way from the store into a file: written by its cache's task, followed by any number of readers, each at
/// its own place. Safe from any thread.
final class Filling: Sendable {
    /// How the beginning came out.
    enum Opened: Sendable {
        case file(SharedDescriptor, size: Int64)
        /// It is not kept: too large, or no room.
        case direct(size: Int64)
    }

    private struct State {
        var opened: Result<Opened, BlobFailure>?
        var written: Int64 = 0
        var end: Result<Void, BlobFailure>?
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextID: UInt64 = 0
        var task: Task<Void, Never>?
    }

    let key: BlobKey
    private let state = Mutex(State())

    init(_ key: BlobKey) { self.key = key }

    // MARK: The writer

    /// Held so that the cache's end can end it.
    func run(_ task: Task<Void, Never>) { state.withLock { $0.task = task } }
    var task: Task<Void, Never>? { state.withLock { $0.task } }

    func open(_ result: Result<Opened, BlobFailure>) { change { $0.opened = result } }
    func wrote(upTo offset: Int64) { change { $0.written = offset } }
    func end(_ result: Result<Void, BlobFailure>) { change { $0.end = result } }

    private func change(_ body: (inout State) -> Void) {
        let woken = state.withLock { state in
            body(&state)
            defer { state.waiters.removeAll() }
            return Array(state.waiters.values)
        }
        for waiter in woken { waiter.resume() }
    }

    // MARK: Readers

    func opened() async throws(BlobFailure) -> Opened {
        try await wait { $0.opened }.get()
    }

    /// Returns once there is a byte at `offset`, with how far the bytes reach.
    func written(past offset: Int64) async throws(BlobFailure) -> Int64 {
        try await wait { state -> Result<Int64, BlobFailure>? in
            if state.written > offset { return .success(state.written) }
            return state.end?.map { state.written }
        }.get()
    }

    func ended() async throws(BlobFailure) { try await wait { $0.end }.get() }

    private func wait<T: Sendable>(
        for answer: @Sendable (inout State) -> Result<T, BlobFailure>?
    ) async -> Result<T, BlobFailure> {
        while true {
            if let result = state.withLock({ answer(&$0) }) { return result }
            if Task.isCancelled { return .failure(BlobFailure(.away, "nobody waits for \(key) any more")) }
            await change(after: answer)
        }
    }

    /// Ends at the next change, at once if `answer` has one, or when the task is cancelled.
    private func change<T: Sendable>(after answer: @Sendable (inout State) -> Result<T, BlobFailure>?) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    // Cancelled before it stood in line: the handler found nobody.
                    if Task.isCancelled || answer(&state) != nil { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}

/// A filling as delivery sees it.
struct FollowedBlob: ArrivingBlob {
    let filling: Filling
    let shared: SharedDescriptor
    let size: Int64
    let store: any BlobStore
    let lanes: Lanes

    func reader(_ range: Range<Int64>) async throws(BlobFailure) -> any BlobReader {
        FollowingReader(blob: self, range: range)
    }

    func file() async throws(BlobFailure) -> SharedDescriptor? {
        do throws(BlobFailure) {
            try await filling.ended()
        } catch {
            guard error.kind == .full else { throw error }
            return nil
        }
        return shared
    }
}

/// Reads behind the writer. A disk that fills up meanwhile ends the file, not the reader: it goes on straight from the store.
final class FollowingReader: BlobReader {
    private enum Source {
        case file
        case store(any BlobReader)
    }

    private let blob: FollowedBlob
    private let range: Range<Int64>
    private let state: Mutex<(offset: Int64, source: Source)>

    var size: Int64 { blob.size }
    /// The cache knows blobs by key and length; whoever serves them has tags of its own.
    var tag: String { "" }

    init(blob: FollowedBlob, range: Range<Int64>) {
        self.blob = blob
        self.range = range
        state = Mutex((range.lowerBound, .file))
    }

    func next() async throws(BlobFailure) -> [UInt8] {
        let (offset, source) = state.withLock { $0 }
        guard offset < range.upperBound else { return [] }
        let bytes: [UInt8]
        switch source {
        case .file: bytes = try await fromFile(offset)
        case .store(let reader): bytes = try await reader.next()
        }
        state.withLock { $0.offset += Int64(bytes.count) }
        return bytes
    }

    private func fromFile(_ offset: Int64) async throws(BlobFailure) -> [UInt8] {
        let end: Int64
        do throws(BlobFailure) {
            end = try await blob.filling.written(past: offset)
        } catch {
            guard error.kind == .full else { throw error }
            let reader = try await blob.store.read(blob.filling.key, range: offset..<range.upperBound)
            state.withLock { $0.source = .store(reader) }
            return try await reader.next()
        }
        let (file, key) = (blob.shared, blob.filling.key)
        let count = Int(min(min(end, range.upperBound) - offset, 256 << 10))
        return try await blob.lanes.lane(for: key).run { () throws(BlobFailure) in
            do throws(Errno) {
                return try file.descriptor.read(upTo: count, at: offset)
            } catch {
                throw BlobFailure(error, key.path)
            }
        }
    }
}
