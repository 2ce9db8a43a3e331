import Core
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The local blob store` {
    @Test(arguments: BlobStorePromise.all) func keeps(_ promise: BlobStorePromise) async throws {
        try await withTemporaryFolder { folder in
            let lanes = try Lanes(count: 2, name: "blobs")
            try await promise.check(LocalBlobStore(root: folder + "/blobs", lanes: lanes))
        }
    }

    @Test func `forgets at its start what was never wholly put, and nothing else`() async throws {
        try await withTemporaryFolder { folder in
            let lanes = try Lanes(count: 1, name: "blobs")
            let key = try #require(BlobKey("kept"))
            try await LocalBlobStore(root: folder, lanes: lanes).put([1], at: key)
            try Files.writeAtomically([0, 0], to: folder + "/tmp/half")
            let store = try LocalBlobStore(root: folder, lanes: lanes)
            #expect(try Files.list(folder + "/tmp") == [])
            #expect(try await store.get(key) == [1])
        }
    }

    @Test func `leaves nothing temporary behind, whether it put or could not`() async throws {
        try await withTemporaryFolder { folder in
            let lanes = try Lanes(count: 1, name: "blobs")
            let store = try LocalBlobStore(root: folder, lanes: lanes)
            let items = try (0..<12).map { BlobItem(try #require(BlobKey("n/\($0)")), .bytes([1])) }
            try await store.put(all: items)
            let under = try #require(BlobKey("n/1/below-a-file"))
            let failure = await #expect(throws: BlobFailure.self) { try await store.put([1], at: under) }
            #expect(failure?.kind == .refused)
            #expect(try Files.list(folder + "/tmp") == [])
        }
    }

    @Test func `takes the bytes of a file on its disk, not a copy`() async throws {
        try await withTemporaryFolder { folder in
            let store = try LocalBlobStore(root: folder + "/blobs", lanes: try Lanes(count: 1, name: "blobs"))
            let file = try FileDescriptor.creating(folder + "/spool")
            try file.write([1, 2, 3], at: 0)
            let key = try #require(BlobKey("original"))
            try await store.put(file: file, at: key)
            let path = try #require(store.localPath(of: key))
            let here = try FileDescriptor.reading(path).identity()
            let there = try file.identity()
            #expect(here == there)
        }
    }

    @Test func `takes folders away with their last blob`() async throws {
        try await withTemporaryFolder { folder in
            let store = try LocalBlobStore(root: folder, lanes: try Lanes(count: 1, name: "blobs"))
            let key = try #require(BlobKey("a/b/c"))
            try await store.put([1], at: key)
            try await store.delete(key)
            #expect(try Files.list(folder + "/objects") == [])
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The memory blob store` {
    @Test(arguments: BlobStorePromise.all) func keeps(_ promise: BlobStorePromise) async throws {
        try await promise.check(MemoryBlobStore())
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A blob key` {
    @Test(arguments: ["a", "hls/trk_1/gen_2/init.mp4", "tracks/a%20b/t/u.flac", "...", "a/.hidden"])
    func `is a path of plain names`(_ path: String) throws {
        #expect(BlobKey(path)?.path == path)
    }

    @Test(arguments: [
        "", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a b", "a\u{0}b", "ä", "a\n",
        String(repeating: "a", count: 256), String(repeating: "ab/", count: 400) + "a",
    ])
    func `is nothing else`(_ path: String) { #expect(BlobKey(path) == nil) }

    @Test func `of an original cannot leave its user's folder`() throws {
        let owner = try #require(UserID("../../etc|ä"))
        let key = BlobKey.original(
            of: UploadID(checked: "up_1"), track: TrackID(checked: "trk_1"), owner: owner, extension: "flac")
        #expect(key.path == "tracks/%2E%2E%2F%2E%2E%2Fetc%7C%C3%A4/trk_1/up_1.flac")
        #expect(BlobKey(key.path) == key)
    }

    @Test func `of an original with the longest user is a key still`() throws {
        let owner = try #require(UserID(String(repeating: "/", count: 200)))
        let key = BlobKey.original(
            of: UploadID(checked: "up_1"), track: TrackID(checked: "trk_1"), owner: owner, extension: "../x")
        #expect(BlobKey(key.path) == key)
        #expect(key.path.hasSuffix("/up_1.bin"))
    }
}

/// Blobs in a dictionary: that the promises can be kept without files shows that they speak of none.
final class MemoryBlobStore: BlobStore {
    private let blobs = Mutex<[BlobKey: [UInt8]]>([:])

    func put(_ bytes: [UInt8], at key: BlobKey) async throws(BlobFailure) { blobs.withLock { $0[key] = bytes } }

    func put(file: borrowing FileDescriptor, at key: BlobKey) async throws(BlobFailure) {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try file.read(upTo: Int(file.size()), at: 0)
        } catch {
            throw BlobFailure(error, key.path)
        }
        try await put(bytes, at: key)
    }

    func put(all items: [BlobItem]) async throws(BlobFailure) {
        for item in items {
            switch item.source {
            case .bytes(let bytes): try await put(bytes, at: item.key)
            case .file(let path): try await put(read(path), at: item.key)
            }
        }
    }

    func adopt(folder: String, as prefix: BlobKey) async throws(BlobFailure) {
        let names: [String]
        do throws(Errno) { names = try Files.list(folder) } catch { throw BlobFailure(error, folder) }
        for name in names {
            guard let key = prefix.below(name) else { throw BlobFailure(.refused, name) }
            let path = "\(folder)/\(name)"
            if Files.isFolder(path) {
                try await adopt(folder: path, as: key)
            } else {
                try await put(read(path), at: key)
            }
        }
        do throws(Errno) { try Files.removeTree(folder) } catch { throw BlobFailure(error, folder) }
    }

    private func read(_ path: String) throws(BlobFailure) -> [UInt8] {
        do throws(Errno) { return try Files.readWhole(path, limit: 1 << 20) } catch { throw BlobFailure(error, path) }
    }

    func read(_ key: BlobKey, range: Range<Int64>?) async throws(BlobFailure) -> any BlobReader {
        let bytes = try await get(key, limit: .max)
        if let range, range.lowerBound >= bytes.count { throw BlobFailure(.refused, "no such range of \(key)") }
        return MemoryReader(bytes, range)
    }

    func copy(_ from: BlobKey, to: BlobKey) async throws(BlobFailure) { try await put(get(from, limit: .max), at: to) }

    func get(_ key: BlobKey, limit: Int) async throws(BlobFailure) -> [UInt8] {
        guard let bytes = blobs.withLock({ $0[key] }) else { throw BlobFailure(.absent, key.path) }
        guard bytes.count <= limit else { throw BlobFailure(.refused, key.path) }
        return bytes
    }

    func size(of key: BlobKey) async throws(BlobFailure) -> Int64? {
        blobs.withLock { ($0[key]?.count).map(Int64.init) }
    }
    func delete(_ key: BlobKey) async throws(BlobFailure) { blobs.withLock { $0[key] = nil } }

    func list(prefix: String, after: BlobKey?, limit: Int) async throws(BlobFailure) -> [BlobEntry] {
        let all = blobs.withLock { $0.map { BlobEntry(key: $0.key, size: Int64($0.value.count)) } }
        let found = all.filter { entry in
            entry.key.path.hasPrefix(prefix) && after.map { entry.key > $0 } ?? true
        }
        return Array(found.sorted { $0.key < $1.key }.prefix(limit))
    }

    func localPath(of key: BlobKey) -> String? { nil }
}

private final class MemoryReader: BlobReader {
    let size: Int64
    let tag = ""
    private let rest: Mutex<ArraySlice<UInt8>>

    init(_ bytes: [UInt8], _ range: Range<Int64>?) {
        size = Int64(bytes.count)
        let range = (range ?? 0..<size).clamped(to: 0..<size)
        rest = Mutex(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    func next() async throws(BlobFailure) -> [UInt8] {
        rest.withLock { rest in
            let piece = Array(rest.prefix(65_536))
            rest = rest.dropFirst(piece.count)
            return piece
        }
    }
}
