import Core
import Crypto
import HTTPServer
import Ledger
import Platform
import Synchronization
import Testing

@testable import Ingest

/// Many small requests make many records; the journal of an upload stays short all the same, and loses nothing.
@Suite(.timeLimit(.minutes(5))) struct JournalCompactionTests {
    private let id = UploadID(checked: "up_0123456789")

    private func journalSize(_ device: MemoryDevice) -> Int {
        device.status.withLock { status in
            status.files.filter { $0.key.hasSuffix(".journal") }.values.map(\.written.count).reduce(0, +)
        }
    }

    /// As a reception records one byte: itself and the frontier.
    private func add(_ index: Int64, _ byte: UInt8, _ sum: inout SHA256, to file: any SpooledBytes) throws {
        sum.update([byte])
        try file.write([byte], at: index)
        try file.record([
            JournalRecord(.extent(completesAlone: false), index..<index + 1),
            JournalRecord(.frontier(midstate: sum.midstate), 0..<index + 1),
        ])
    }

    private static func byte(_ index: Int64) -> UInt8 { UInt8(truncatingIfNeeded: index &* 7 &+ index >> 8) }

    @Test func `ten thousand requests of one byte leave a journal within its bound`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let file = try #require(try spool.open(id, creating: true))
        var sum = SHA256()
        var longest = 0
        for index in 0..<10_000 as Range<Int64> {
            try add(index, Self.byte(index), &sum, to: file)
            longest = max(longest, journalSize(device))
        }
        #expect(longest <= JournalSpace.most(chunks: 1))
        #expect(longest <= Int(JournalSpace.reserved))
        let again = try #require(try spool.open(id, creating: false))
        #expect(again.journal.received.ranges == [0..<10_000])
        #expect(again.journal.hashed?.end == 10_000 && again.journal.hashed?.midstate == sum.midstate)
        #expect(try again.read(upTo: 10_000, at: 0) == (0..<10_000 as Range<Int64>).map(Self.byte))
    }

    @Test func `through the service too: one byte a request, and the digest is right`() async throws {
        let files = try FilesRig { $0.openUploads = 0 }
        let data = wav(3_000)
        let id = await files.tusNew(data.count)
        for offset in data.indices {
            #expect(await files.tusPatch(id, offset, [data[offset]]).status == 204)
        }
        #expect(journalSize(files.rig.device) <= Int(JournalSpace.reserved))
        #expect(try #require(try await files.row(id)).sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `chunks with every second one missing stay within their bound, and are all remembered`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full, inlineLimit: 0)
        let file = try #require(try spool.open(id, creating: true))
        let midstate = SHA256().midstate
        var expected = IntervalSet()
        var longest = 0
        for index in 0..<5_000 as Range<Int64> {
            let extent = index * 20..<index * 20 + 10
            expected.insert(extent)
            try file.record([
                JournalRecord(.extent(completesAlone: index == 7), extent),
                JournalRecord(.frontier(midstate: midstate), 0..<0),
            ])
            longest = max(longest, device.status.withLock { $0.files.values.map(\.written.count).reduce(0, +) })
        }
        #expect(Int64(longest) <= JournalSpace.most(chunks: 10_000))
        // Nothing was ever written to the data file, so it is made here for the journal to be believed.
        try #require(try device.file(SpoolName(id).data, creating: true)).write([1], at: 0)
        let again = try #require(try spool.open(id, creating: false))
        #expect(again.journal.received == expected && again.journal.completesAlone)
    }

    /// The power goes after every single operation of two compactions, and the disk keeps any part of what was not synced.
    @Test(arguments: 0..<4) func `a crash at any operation loses no acknowledged byte`(_ seed: Int)
        throws
    {
        var random = TestRandom(seed)
        let device = MemoryDevice()
        let file = try #require(try DiskSpool(device: device, durability: .full).open(id, creating: true))
        device.keepStates()
        var sum = SHA256()
        var acknowledged: [Int64] = []
        for index in 0..<800 as Range<Int64> {
            try add(index, Self.byte(index), &sum, to: file)
            // Every state since the last acknowledgement still owes what was acknowledged before it.
            while acknowledged.count < device.states.count { acknowledged.append(index) }
        }
        #expect(device.operations.filter { $0 == "rename new journal" }.count == 2)
        let states = device.states
        let compactions = states.indices.filter { states[$0].keys.contains { $0.hasSuffix(".new") } }
        let nearby = Set(compactions.flatMap { max(0, $0 - 4)..<min(states.count, $0 + 6) })
        let some = (0..<30).map { _ in Int.random(in: states.indices, using: &random) }
        for index in nearby.union(some) {
            let after = device.afterPowerCut(&random, state: states[index])
            let spool = DiskSpool(device: after, durability: .full)
            guard let again = try spool.open(id, creating: false) else {
                #expect(acknowledged[index] == 0)
                continue
            }
            let frontier = again.journal.received.frontier
            #expect(frontier >= acknowledged[index] && frontier <= acknowledged[index] + 1)
            let expected = (0..<frontier).map(Self.byte)
            #expect(try again.read(upTo: Int(frontier), at: 0) == expected)
            // Of a torn batch the extent may be whole, and the state of the hash not: it is read again from the bytes.
            let hashed = again.journal.hashed?.end ?? 0
            #expect(hashed >= acknowledged[index] && hashed <= frontier)
            // It goes on from there, compacts again, and is removed without a rest.
            var sum = SHA256()
            sum.update(expected)
            for next in frontier..<frontier + 400 { try add(next, Self.byte(next), &sum, to: again) }
            let last = try #require(try spool.open(id, creating: false))
            #expect(last.journal.received.ranges == [0..<frontier + 400])
            #expect(try spool.uploads() == [id])
            try spool.remove(id)
            #expect(after.names.isEmpty)
        }
    }

    @Test func `a torn or changed tail behind a compacted journal takes nothing from what was compacted`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let file = try #require(try spool.open(id, creating: true))
        var sum = SHA256()
        var count: Int64 = 0
        while !device.operations.contains("rename new journal") {
            try add(count, Self.byte(count), &sum, to: file)
            count += 1
        }
        let compacted = journalSize(device)
        try add(count, Self.byte(count), &sum, to: file)
        let name = SpoolName(id).journal
        let whole = device.status.withLock { $0.files[name]?.written ?? [] }
        for cut in compacted..<whole.count {
            var flipped = whole
            flipped[cut] ^= 4
            for bytes in [Array(whole[..<cut]), flipped] {
                device.status.withLock { $0.files[name]?.written = bytes }
                let journal = try #require(try spool.open(id, creating: false)).journal
                #expect(journal.received.frontier >= count && journal.hashed?.end ?? 0 >= count)
            }
        }
    }

    @Test func `a full disk leaves the old journal, and the upload goes on`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let file = try #require(try spool.open(id, creating: true))
        var sum = SHA256()
        device.fail("write new journal", .noSpace)
        for index in 0..<1_000 as Range<Int64> { try add(index, Self.byte(index), &sum, to: file) }
        #expect(device.operations.contains("rename new journal"))
        #expect(try #require(try spool.open(id, creating: false)).journal.received.ranges == [0..<1_000])
    }

    @Test(arguments: ["sync new journal", "rename new journal", "sync data"])
    func `what fails in a compaction is not the fault of the request that led to it, and ends the upload after it`(
        _ operation: String
    ) throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let file = try #require(try spool.open(id, creating: true))
        var sum = SHA256()
        device.fail(operation, .inputOutput)
        var count: Int64 = 0
        var failure: SpoolFailure?
        while failure == nil, count < 1_000 {
            do {
                try add(count, Self.byte(count), &sum, to: file)
                count += 1
            } catch let caught as SpoolFailure { failure = caught }
        }
        #expect(failure?.kind == .broken)
        #expect(try #require(try spool.open(id, creating: false)).journal.received.frontier == count)
    }

    @Test func `a body that comes byte by byte is one record of bytes`() throws {
        let device = MemoryDevice()
        let spool = DiskSpool(device: device, durability: .full)
        let file = try #require(try spool.open(id, creating: true))
        for index in 0..<2_000 as Range<Int64> { try file.write([Self.byte(index)], at: index) }
        try file.record([JournalRecord(.extent(completesAlone: false), 0..<2_000)])
        #expect(journalSize(device) < 2_200)
        #expect(try #require(try spool.open(id, creating: false)).journal.inline.count == 1)
    }

    @Test func `the space of an upload counts its journal, the quota of its tenant does not`() async throws {
        let rig = try ServiceRig { limits in
            limits.tenantQuota = 150_000
            limits.leastFree = 0
        }
        let room = 2 * (75_000 + JournalSpace.reserved)
        rig.device.status.withLock { $0.space = DiskSpace(free: room - 1, total: 1 << 40) }
        _ = try await rig.create(wav(75_000))
        await #expect(
            performing: { try await rig.create(wav(75_000)) }, throws: { ($0 as? IngestFailure)?.kind == .full })
        rig.device.status.withLock { $0.space = DiskSpace(free: room, total: 1 << 40) }
        _ = try await rig.create(wav(75_000))
        #expect(try await rig.reserved() == 150_000)
    }
}
