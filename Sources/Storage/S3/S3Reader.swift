internal import Core
internal import HTTPClient
internal import Synchronization

/// A blob on its way from the bucket. A connection that is cut is followed by another that goes on where it ended, as long
/// as the store still has the same bytes; a pause of the reader's is the store's too. For one reader at a time.
final class S3Reader: BlobReader {
    private struct State {
        var stream: ClientStream?
        var offset: Int64
        /// Tries since enough came.
        var resumptions = 0
        /// Bytes that came since the last of them.
        var came: Int64 = 0
    }

    let size: Int64
    let tag: String
    private let store: S3BlobStore
    private let key: BlobKey
    private let end: Int64
    private let state: Mutex<State>

    private init(
        _ store: S3BlobStore, _ key: BlobKey, size: Int64, tag: String, part: Range<Int64>, _ stream: ClientStream?
    ) {
        self.store = store
        self.key = key
        self.size = size
        self.tag = tag
        end = part.upperBound
        state = Mutex(State(stream: stream, offset: part.lowerBound))
    }

    static func open(
        _ store: S3BlobStore, _ key: BlobKey, range: Range<Int64>?
    ) async throws(BlobFailure) -> S3Reader {
        if let range, range.isEmpty {
            guard let found = try await store.look(at: key) else {
                throw BlobFailure(.absent, "There is nothing at \(key).")
            }
            try check(range, found.size, key)
            return S3Reader(store, key, size: found.size, tag: found.tag, part: range, nil)
        }
        let stream = try await store.endpoint.stream(call(store, key, range: range, tag: nil))
        let tag = stream.fields["ETag"] ?? ""
        guard let size = size(of: stream.fields, status: stream.status) else {
            throw BlobFailure(.away, "The store did not say how large \(key) is.")
        }
        if let range { try check(range, size, key) }
        let part = range.map { $0.lowerBound..<min($0.upperBound, size) } ?? 0..<size
        // A store that answers with everything, though a part was asked for.
        let isWhole = range != nil && stream.status == 200 && part != 0..<size
        guard !isWhole else { throw BlobFailure(.refused, "The store does not read parts of \(key).") }
        return S3Reader(store, key, size: size, tag: tag, part: part, stream)
    }

    private static func check(_ range: Range<Int64>, _ size: Int64, _ key: BlobKey) throws(BlobFailure) {
        guard range.lowerBound < size else {
            throw BlobFailure(.refused, "\(key) has \(size) bytes: it has no byte \(range.lowerBound).")
        }
    }

    private static func call(_ store: S3BlobStore, _ key: BlobKey, range: Range<Int64>?, tag: String?) -> S3Call {
        var call = S3Call("GET", store.path(of: key), name: key.path)
        if let range { call.fields.append(("Range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")) }
        if let tag, !tag.isEmpty { call.fields.append(("If-Match", tag)) }
        return call
    }

    /// RFC 9110 §14.4: after the slash stands the size of the whole.
    static func size(of fields: ClientFields, status: Int) -> Int64? {
        if status == 206 || status == 416 {
            return fields["Content-Range"].flatMap { $0.split(separator: "/").last }.flatMap { wholeNumber($0) }
        }
        return fields["Content-Length"].flatMap { wholeNumber($0) }
    }

    func next() async throws(BlobFailure) -> [UInt8] {
        while true {
            let (stream, offset) = state.withLock { ($0.stream, $0.offset) }
            guard offset < end else { return [] }
            guard let stream else {
                try await resume(at: offset)
                continue
            }
            switch await Self.piece(of: stream) {
            case .success(let bytes?): return taken(bytes, at: offset)
            case .success(nil):
                try await wait(after: ClientFailure(.cut, "it ended after \(offset) bytes of \(end)"))
            case .failure(let failure) where failure.kind == .cancelled:
                throw BlobFailure(.away, "\(key) was given up.")
            case .failure(let failure): try await wait(after: failure)
            }
        }
    }

    private static func piece(of stream: ClientStream) async -> Result<[UInt8]?, ClientFailure> {
        do throws(ClientFailure) { return .success(try await stream.next()) } catch { return .failure(error) }
    }

    private func taken(_ bytes: [UInt8], at offset: Int64) -> [UInt8] {
        // Never more than was promised, whatever comes.
        let some = Int64(bytes.count) > end - offset ? Array(bytes[..<Int(end - offset)]) : bytes
        state.withLock { state in
            state.offset = offset + Int64(some.count)
            state.came += Int64(some.count)
            if state.came >= Self.progress { state.resumptions = 0 }
            if state.offset == end { state.stream = nil }
        }
        return some
    }

    /// Fewer bytes than these do not keep a reader waiting for more: a store that sends a few with each try is away.
    private static let progress: Int64 = 65_536

    /// Lets go of the stream; a reader that got next to nothing in many tries gives up.
    private func wait(after failure: ClientFailure) async throws(BlobFailure) {
        let retries = store.configuration.retries
        let number = state.withLock { state in
            state.stream = nil
            state.resumptions += 1
            state.came = 0
            return state.resumptions
        }
        let policy = RetryPolicy.doubling(from: retries.first, upTo: retries.cap, tries: retries.tries)
        guard let wait = policy.wait(after: number), failure.isPassing else {
            throw BlobFailure(.away, "\(key) could not be read to its end: \(failure.message)", cause: .unreachable)
        }
        do { try await store.time.sleep(for: wait) } catch { throw BlobFailure(.away, "\(key) was given up.") }
    }

    private func resume(at offset: Int64) async throws(BlobFailure) {
        var call = Self.call(store, key, range: offset..<end, tag: tag)
        call.accepted = [412]
        let stream = try await store.endpoint.stream(call)
        // A part that is the whole may come as the whole.
        let isPart = stream.status == 206 || stream.status == 200 && (offset..<end) == 0..<size
        let isSame = isPart && (stream.fields["ETag"] ?? "") == tag
        guard isSame, Self.size(of: stream.fields, status: stream.status) == size else {
            throw BlobFailure(.away, "\(key) was replaced while it was read.")
        }
        state.withLock { $0.stream = stream }
    }
}

extension S3BlobStore {
    package func read(_ key: BlobKey, range: Range<Int64>?) async throws(BlobFailure) -> any BlobReader {
        try await S3Reader.open(self, key, range: range)
    }
}
