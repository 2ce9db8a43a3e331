import Platform
import Storage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The read-through cache` {
    @Test func `asks the store once for a hundred readers at once`() async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put("hls/t/g/aac/1.m4s")
            let cache = try rig.cache()
            rig.store.behave(.holds(after: 30_000))
            try await withThrowingTaskGroup { group in
                for _ in 0..<100 {
                    group.addTask {
                        let read = try await rig.read(key, through: cache)
                        #expect(read == bytes)
                    }
                }
                group.addTask {
                    // Everybody is in before the store goes on.
                    await rig.told.reach(100)
                    rig.store.release()
                }
                try await group.waitForAll()
            }
            #expect(rig.store.reads.count == 1)
            #expect(rig.told[.miss] == 1 && rig.told[.joined] == 99)
        }
    }

    @Test func `gives the first bytes before the last ones came`() async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put("hls/t/g/aac/1.m4s")
            let cache = try rig.cache()
            rig.store.behave(.holds(after: 20_000))
            guard case .stream(let blob) = try await cache.open(key, size: nil) else {
                Issue.record("it cannot be whole yet")
                return
            }
            #expect(blob.size == 100_000)
            let reader = try await blob.reader(0..<100_000)
            var first: [UInt8] = []
            while first.count < 20_000 { first += try await reader.next() }
            #expect(first == Array(bytes[..<20_000]))
            rig.store.release()
            #expect(try await rig.bytes(of: reader) == Array(bytes[20_000...]))
            // One that comes late, for a part in the middle.
            #expect(try await rig.bytes(of: blob.reader(40_000..<50_001)) == Array(bytes[40_000..<50_001]))
        }
    }

    @Test func `serves what it has while the store is away`() async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put("hls/t/g/aac/1.m4s")
            let other = try await rig.put("hls/t/g/aac/2.m4s").key
            let cache = try rig.cache()
            _ = try await rig.read(key, through: cache)
            rig.store.behave(.away)
            #expect(try await rig.read(key, through: cache) == bytes)
            #expect(rig.told[.hit] == 1)
            let failure = await #expect(throws: BlobFailure.self) { try await rig.read(other, through: cache) }
            #expect(failure?.kind == .away)
            rig.store.behave(.well)
            _ = try await rig.read(other, through: cache)
        }
    }

    @Test func `has after a restart what it had before`() async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put("hls/t/g/aac/1.m4s")
            _ = try await rig.read(key, through: rig.cache())
            let cache = try rig.cache()
            rig.store.behave(.away)
            #expect(cache.held == 102_400)
            #expect(try await rig.read(key, through: cache) == bytes)
        }
    }

    enum Damage: CaseIterable { case torn, altered, grown, zeroed }

    @Test(arguments: Damage.allCases, [true, false])
    func `refuses a file that was damaged, and fetches it again`(_ damage: Damage, _ hasRestarted: Bool) async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put("hls/t/g/aac/1.m4s")
            var cache = try rig.cache()
            _ = try await rig.read(key, through: cache)
            let file = try FileDescriptor.readingAndWriting(try #require(try rig.files.first))
            switch damage {
            case .torn: try file.truncate(to: 50_000)
            case .altered: try file.write([bytes[77_777] ^ 1], at: 77_777)
            case .grown: try file.write([0], at: 100_000)
            // A power cut after the name and before the bytes.
            case .zeroed: try file.write([UInt8](repeating: 0, count: 100_000), at: 0)
            }
            if hasRestarted { cache = try rig.cache() }
            #expect(try await rig.read(key, through: cache) == bytes)
            #expect(rig.store.reads.count == 2)
            #expect(try rig.files.count == 1)
            rig.store.behave(.away)
            #expect(try await rig.read(key, through: cache) == bytes, "and keeps that")
        }
    }

    @Test(arguments: [
        FaultyStore.Behaviour.breaks(after: 25_000), .breaks(after: 0), .endsEarly(after: 25_000), .runsOver,
    ])
    func `keeps nothing of a fill that fails, and begins anew`(_ behaviour: FaultyStore.Behaviour) async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put("hls/t/g/aac/1.m4s")
            let cache = try rig.cache()
            rig.store.behave(behaviour)
            let failure = await #expect(throws: BlobFailure.self) { try await rig.read(key, through: cache) }
            #expect(failure?.kind == .away)
            await cache.shutDown()
            #expect(try rig.files == [])
            #expect(try rig.temporaries == [])
            rig.store.behave(.well)
            #expect(try await rig.read(key, through: rig.cache()) == bytes)
        }
    }

    @Test func `says absent for what is not there, and remembers nothing of it`() async throws {
        try await CacheRig.run { rig in
            let key = try #require(BlobKey("hls/t/g/aac/9.m4s"))
            let cache = try rig.cache()
            let failure = await #expect(throws: BlobFailure.self) { try await cache.open(key, size: nil) }
            #expect(failure?.kind == .absent)
            let bytes = try await rig.put("hls/t/g/aac/9.m4s").bytes
            #expect(try await rig.read(key, through: cache) == bytes)
        }
    }

    @Test func `fills on for those who stay when one leaves`() async throws {
        try await CacheRig.run { rig in
            let (key, bytes) = try await rig.put("hls/t/g/aac/1.m4s")
            let cache = try rig.cache()
            rig.store.behave(.holds(after: 10_000))
            // Awaited below.
            let leaver = Task { try await rig.read(key, through: cache) }
            await rig.told.reach(1)
            // Awaited below.
            let stayer = Task { try await rig.read(key, through: cache) }
            await rig.told.reach(2)
            leaver.cancel()
            await #expect(throws: BlobFailure.self) { try await leaver.value }
            rig.store.release()
            #expect(try await stayer.value == bytes)
            #expect(rig.store.reads.count == 1)
        }
    }

    @Test func `ends at once with what is being filled`() async throws {
        try await CacheRig.run { rig in
            let key = try await rig.put("hls/t/g/aac/1.m4s").key
            let cache = try rig.cache()
            rig.store.behave(.holds(after: 10_000))
            guard case .stream(let blob) = try await cache.open(key, size: nil) else { return }
            await cache.shutDown()
            await #expect(throws: BlobFailure.self) { try await rig.bytes(of: blob.reader(0..<blob.size)) }
            #expect(try rig.temporaries == [])
        }
    }

    @Test func `forgets a generation and leaves its neighbours`() async throws {
        try await CacheRig.run { rig in
            let cache = try rig.cache()
            for path in ["hls/t/g/index.m3u8", "hls/t/g/aac/1.m4s", "hls/t/g2/aac/1.m4s"] {
                _ = try await rig.read(rig.put(path).key, through: cache)
            }
            await cache.forget(try #require(BlobKey("hls/t/g")))
            #expect(try rig.files.count == 1)
            #expect(cache.held == 102_400)
            rig.store.behave(.away)
            _ = try await rig.read(try #require(BlobKey("hls/t/g2/aac/1.m4s")), through: cache)
            await #expect(throws: BlobFailure.self) {
                try await cache.open(try #require(BlobKey("hls/t/g/aac/1.m4s")), size: nil)
            }
        }
    }
}
