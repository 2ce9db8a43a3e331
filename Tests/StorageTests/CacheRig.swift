import Platform
import Storage
import Synchronization
import TestSupport
import Testing

/// A cache over a faulty store, in a folder of the test's own.
struct CacheRig: Sendable {
    let folder: String
    let store = FaultyStore()
    let lanes: Lanes
    let told = Told()

    init(folder: String) throws {
        self.folder = folder
        lanes = try Lanes(count: 2, name: "cache")
    }

    static func run(_ body: (CacheRig) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in try await body(CacheRig(folder: folder)) }
    }

    /// Each call is a start: what the one before left is there.
    func cache(budget: Int64 = 1 << 30, largest: Int64 = 1 << 20) throws -> ReadThroughCache {
        try ReadThroughCache(
            root: folder + "/cache", limits: .init(budget: budget, largest: largest), store: store, lanes: lanes
        ) { [told] in told.add($0) }
    }

    /// Puts a blob of that many bytes, all different from another key's.
    @discardableResult
    func put(_ path: String, _ count: Int = 100_000) async throws -> (key: BlobKey, bytes: [UInt8]) {
        let key = try #require(BlobKey(path))
        let seed = path.utf8.reduce(7) { $0 &* 31 &+ Int($1) }
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761 &+ seed) >> 7) }
        try await store.put(bytes, at: key)
        return (key, bytes)
    }

    /// The whole blob through the cache, and not back before the cache has it whole.
    func read(_ key: BlobKey, through cache: ReadThroughCache, size: Int64? = nil) async throws -> [UInt8] {
        switch try await cache.open(key, size: size) {
        case .file(let file): return try await bytes(of: file)
        case .stream(let blob):
            let bytes = try await bytes(of: blob.reader(0..<blob.size))
            _ = try await blob.file()
            return bytes
        }
    }

    func bytes(of reader: any BlobReader) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try await reader.next()
            if piece.isEmpty { return bytes }
            bytes += piece
        }
    }

    func bytes(of file: SharedDescriptor) async throws -> [UInt8] {
        try file.descriptor.read(upTo: Int(try file.descriptor.size()), at: 0)
    }

    /// The paths of the cache's whole files.
    var files: [String] {
        get throws {
            let objects = folder + "/cache/objects"
            return try Files.list(objects).flatMap { name in
                try Files.list("\(objects)/\(name)").map { "\(objects)/\(name)/\($0)" }
            }
        }
    }

    var temporaries: [String] { get throws { try Files.list(folder + "/cache/tmp") } }
}

/// How requests were met; a test waits for as many as it sent.
final class Told: Sendable {
    private struct State {
        var outcomes: [ReadThroughCache.Outcome: Int] = [:]
        var waiting: (count: Int, continuation: CheckedContinuation<Void, Never>)?
        var total: Int { outcomes.values.reduce(0, +) }
    }

    private let state = Mutex(State())

    subscript(_ outcome: ReadThroughCache.Outcome) -> Int { state.withLock { $0.outcomes[outcome, default: 0] } }

    func add(_ outcome: ReadThroughCache.Outcome) {
        let woken = state.withLock { state in
            state.outcomes[outcome, default: 0] += 1
            guard let waiting = state.waiting, waiting.count <= state.total else {
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiting = nil
            return waiting.continuation
        }
        woken?.resume()
    }

    func reach(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isReached = state.withLock { state in
                if state.total >= count { return true }
                state.waiting = (count, continuation)
                return false
            }
            if isReached { continuation.resume() }
        }
    }
}
