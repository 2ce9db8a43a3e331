import Platform
import TestSupport
import Testing

@testable import Storage

@Suite(.timeLimit(.minutes(5))) struct `The cache's bounds` {
    private func path(_ number: Int) -> String { "hls/t/g\(number)/aac/1.m4s" }

    @Test func `hold whatever is asked for`() async throws {
        try await CacheRig.run { rig in
            let cache = try rig.cache(budget: 500_000)
            for number in 0..<12 {
                _ = try await rig.read(rig.put(path(number)).key, through: cache)
                #expect(cache.held <= 500_000)
            }
            #expect(try rig.files.count == 4)
            #expect(try Files.list(rig.folder + "/cache/objects").count == 4, "empty folders go too")
        }
    }

    @Test func `spare what was used since`() async throws {
        try await CacheRig.run { rig in
            let cache = try rig.cache(budget: 500_000)
            for number in 0..<4 { _ = try await rig.read(rig.put(path(number)).key, through: cache) }
            let used = try #require(BlobKey(path(0)))
            _ = try await rig.read(used, through: cache)
            _ = try await rig.read(rig.put(path(4)).key, through: cache)
            rig.store.behave(.away)
            _ = try await rig.read(used, through: cache)
            await #expect(throws: BlobFailure.self) {
                try await cache.open(try #require(BlobKey(path(1))), size: nil)
            }
        }
    }

    @Test func `hold after a restart with less room`() async throws {
        try await CacheRig.run { rig in
            let first = try rig.cache()
            for number in 0..<8 { _ = try await rig.read(rig.put(path(number)).key, through: first) }
            #expect(try rig.cache(budget: 250_000).held == 204_800)
            #expect(try rig.files.count == 2)
        }
    }

    @Test func `never cut off what is being sent`() async throws {
        try await CacheRig.run { rig in
            let cache = try rig.cache(budget: 200_000)
            let (key, bytes) = try await rig.put(path(0))
            _ = try await rig.read(key, through: cache)
            guard case .file(let file) = try await cache.open(key, size: nil) else { return }
            for number in 1..<4 { _ = try await rig.read(rig.put(path(number)).key, through: cache) }
            #expect(try rig.files.count == 1)
            #expect(try await rig.bytes(of: file) == bytes)
        }
    }

    @Test func `read straight from the store what is too large to keep`() async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put("tracks/u/t/up.flac", 300_000)
            let cache = try rig.cache(largest: 200_000)
            guard case .stream(let blob) = try await cache.open(key, size: 300_000) else { return }
            #expect(try await rig.bytes(of: blob.reader(250_000..<250_100)) == Array(bytes[250_000..<250_100]))
            #expect(rig.store.reads == [250_000..<250_100], "and only what was asked for")
            #expect(try await rig.read(key, through: cache) == bytes, "also when nobody knew its size")
            #expect(try rig.files == [])
        }
    }

    @Test func `serve straight through where nothing can be written`() async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put(path(0))
            let cache = try rig.cache()
            try Files.removeTree(rig.folder + "/cache/tmp")
            #expect(try await rig.read(key, through: cache) == bytes)
            #expect(try rig.files == [])
            try Files.makeFolder(rig.folder + "/cache/tmp")
            #expect(try await rig.read(key, through: cache) == bytes)
            #expect(try rig.files.count == 1)
        }
    }

    @Test func `let a reader go on from the store when the disk fills up on the way`() async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put(path(0))
            let filling = Filling(key)
            let file = SharedDescriptor(try .creating(rig.folder + "/part"))
            try file.descriptor.write(Array(bytes[..<30_000]), at: 0)
            let blob = FollowedBlob(filling: filling, shared: file, size: 100_000, store: rig.store, lanes: rig.lanes)
            filling.wrote(upTo: 30_000)
            let reader = try await blob.reader(10_000..<100_000)
            let first = try await reader.next()
            #expect(first == Array(bytes[10_000..<30_000]))
            filling.end(.failure(BlobFailure(.full, "no room")))
            #expect(try await rig.bytes(of: reader) == Array(bytes[30_000...]))
            #expect(rig.store.reads == [30_000..<100_000])
            #expect(try await blob.file() == nil)
        }
    }

    @Test func `count what many fillings hold together`() throws {
        var index = CacheIndex(budget: 10 * 4096)
        let (first, tooMuch, second) = (index.reserve(6 * 4096), index.reserve(5 * 4096), index.reserve(4 * 4096))
        #expect(first?.isEmpty == true && second?.isEmpty == true)
        #expect(tooMuch == nil, "the first is still on its way")
        index.release(6 * 4096)
        let third = index.reserve(6 * 4096)
        #expect(third != nil)
    }

    @Test func `hold through any order of comings and goings`() throws {
        var random = SystemRandomNumberGenerator()
        var index = CacheIndex(budget: 1 << 20)
        var held: [CacheID: Int64] = [:]
        for _ in 0..<20_000 {
            let number = Int.random(in: 0..<200, using: &random)
            let id = CacheID(try #require(BlobKey("hls/t/g\(number % 20)/aac/\(number)")))
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                index.remove(id)
                held[id] = nil
            case 1:
                let isThere = index.use(id) != nil
                #expect(isThere == (held[id] != nil))
            default:
                let size = Int64.random(in: 0...100_000, using: &random)
                let victims = index.reserve(size)
                for victim in try #require(victims) { held[victim.id] = nil }
                index.release(size)
                _ = index.keep(CacheName(id: id, size: size, digest: CacheDigest(words: .zero)), verified: nil)
                held[id] = size
            }
            let room = held.values.reduce(0) { $0 + CacheIndex.room($1) }
            try #require(index.kept == room && room <= 1 << 20 && index.count == held.count)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The name of a cached file` {
    @Test func `is read as it was written`() throws {
        let id = CacheID(try #require(BlobKey("hls/t/g/aac/1.m4s")))
        let name = CacheName(id: id, size: 123, digest: CacheDigest([UInt8](0..<32)))
        let parts = name.path.split(separator: "/")
        let read = try #require(CacheName(folder: String(parts[0]), file: String(parts[1])))
        #expect(read.path == name.path && read.id == id && read.size == 123)
        #expect(name.path.hasSuffix("-123-000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"))
    }

    @Test(arguments: ["", "a-1-b", "0123456789abcdef0123456789abcdef-1-00", "x.m4s"])
    func `is nothing else`(_ file: String) {
        #expect(CacheName(folder: "0123456789abcdef0123456789abcdef", file: file) == nil)
    }
}
