import Core
import Crypto
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct ReceptionTests {
    private let id = UploadID(checked: "up_reception")
    private let device = MemoryDevice()
    private let lanes: Lanes
    private let data = wav(20_000)

    init() throws { lanes = try Lanes(count: 1, name: "test") }

    private func reception(
        _ length: Int64? = 20_000, name: String = "a.wav", on device: MemoryDevice? = nil,
        inlineLimit: Int = DiskSpool.inlineLimit
    ) async throws -> Reception {
        let reception = Reception(
            upload: id, length: length, promise: FormatPromise(filename: name, contentType: nil),
            spool: DiskSpool(device: device ?? self.device, durability: .full, inlineLimit: inlineLimit),
            lane: lanes.lane(for: id))
        try await reception.open()
        return reception
    }

    private func part(_ range: Range<Int64>) -> [UInt8] { Array(data[Int(range.lowerBound)..<Int(range.upperBound)]) }

    private func put(_ range: Range<Int64>, _ reception: Reception) async throws {
        _ = try await reception.receive(range, from: TestSource(part(range)), counting: .whole(nil))
    }

    @Test func `chunks in any order, at once, come to the SHA-256 of the whole`() async throws {
        for seed in 0..<10 {
            let device = MemoryDevice()
            let reception = try await reception(on: device)
            var random = TestRandom(seed)
            var cuts: Set<Int64> = [0, 20_000]
            for _ in 0..<12 { cuts.insert(Int64.random(in: 1..<20_000, using: &random)) }
            let sorted = cuts.sorted()
            let ranges = zip(sorted, sorted.dropFirst()).map { $0..<$1 }.shuffled(using: &random)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for range in ranges { group.addTask { try await put(range, reception) } }
                try await group.waitForAll()
            }
            #expect(try await reception.seal(declared: []) == SHA256.hash(data))
            #expect(reception.received.ranges == [0..<20_000])
        }
    }

    @Test func `what came in order is not read again`() async throws {
        let reception = try await reception()
        for first in stride(from: Int64(0), to: 20_000, by: 5_000) { try await put(first..<first + 5_000, reception) }
        let bytes = try #require(try DiskSpool(device: device, durability: .full).open(id, creating: false))
        #expect(bytes.journal.hashed?.end == 20_000)
        let sha = try #require(SHA256(midstate: bytes.journal.hashed?.midstate ?? []))
        #expect(sha.finish() == SHA256.hash(data))
    }

    @Test func `the same bytes again are the same, others a conflict, and the first stay`() async throws {
        let reception = try await reception()
        try await put(0..<5_000, reception)
        #expect(
            try await reception.receive(0..<5_000, from: TestSource(part(0..<5_000)), counting: .whole(nil))
                == .repeated)
        await #expect {
            try await reception.receive(0..<5_000, from: TestSource(wav(5_000, seed: 2)), counting: .whole(nil))
        } throws: {
            ($0 as? IngestFailure)?.kind == .conflict
        }
        try await put(5_000..<20_000, reception)
        #expect(try await reception.seal(declared: []) == SHA256.hash(data))
    }

    @Test func `a body cut in the middle counts nothing, and can be sent again`() async throws {
        let reception = try await reception()
        await #expect(throws: IngestFailure.self) {
            try await reception.receive(0..<5_000, from: TestSource(part(0..<3_000), end: .cut), counting: .whole(nil))
        }
        #expect(reception.received.isEmpty)
        // Other bytes were written there meanwhile: they must leave no trace in the hash either.
        await #expect(throws: IngestFailure.self) {
            try await reception.receive(
                0..<5_000, from: TestSource(wav(4_000, seed: 9), end: .cut), counting: .whole(nil))
        }
        try await put(0..<20_000, reception)
        #expect(try await reception.seal(declared: []) == SHA256.hash(data))
    }

    @Test func `what came of a stream before it was cut counts`() async throws {
        let reception = try await reception()
        await #expect(throws: IngestFailure.self) {
            try await reception.receive(
                0..<20_000, from: TestSource(part(0..<3_000), end: .cut), counting: .asTheyCome, completesAlone: true)
        }
        #expect(reception.durable == 3_000)
        _ = try await reception.receive(0..<20_000, from: TestSource(data), counting: .asTheyCome, completesAlone: true)
        #expect(try await reception.seal(declared: []) == SHA256.hash(data))
        #expect(reception.completesAlone)
    }

    @Test func `too few and too many bytes count nothing`() async throws {
        let reception = try await reception()
        for body in [part(0..<4_999), part(0..<5_001), []] {
            await #expect {
                try await reception.receive(0..<5_000, from: TestSource(body), counting: .whole(nil))
            } throws: {
                ($0 as? IngestFailure)?.kind == .invalid
            }
        }
        #expect(reception.received.isEmpty)
    }

    @Test func `a wrong digest counts nothing`() async throws {
        let reception = try await reception()
        let digest = ContentDigest(sha256: SHA256.hash([1]))
        await #expect {
            try await reception.receive(0..<5_000, from: TestSource(part(0..<5_000)), counting: .whole(digest))
        } throws: {
            ($0 as? IngestFailure)?.kind == .checksumMismatch
        }
        #expect(reception.received.isEmpty)
        let right = ContentDigest(sha256: SHA256.hash(part(0..<5_000)))
        _ = try await reception.receive(0..<5_000, from: TestSource(part(0..<5_000)), counting: .whole(right))
        #expect(reception.durable == 5_000)
    }

    @Test func `of two writers of one chunk the newer ends the older`() async throws {
        let reception = try await reception()
        let hung = TestSource(wav(2_000, seed: 5), end: .silent)
        // Awaited below.
        let older = Task { try await reception.receive(0..<5_000, from: hung, counting: .whole(nil)) }
        await hung.silence()
        try await put(0..<5_000, reception)
        #expect(hung.isCancelled)
        await #expect { try await older.value } throws: { ($0 as? IngestFailure)?.kind == .conflict }
        try await put(5_000..<20_000, reception)
        #expect(try await reception.seal(declared: []) == SHA256.hash(data))
    }

    @Test func `of eight writers with two contents one content wins whole`() async throws {
        for _ in 0..<20 {
            let reception = try await reception(on: MemoryDevice())
            let other = wav(10_000, seed: 8)
            let contents = [part(0..<10_000), other]
            let answers = await withTaskGroup(of: IngestFailure.Kind?.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        do {
                            _ = try await reception.receive(
                                0..<10_000, from: TestSource(contents[number % 2]), counting: .whole(nil))
                            return nil
                        } catch {
                            return (error as? IngestFailure)?.kind ?? .internal
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.contains(nil) && answers.allSatisfy { $0 == nil || $0 == .conflict })
            try await put(10_000..<20_000, reception)
            let rest = part(10_000..<20_000)
            let sha256 = try await reception.seal(declared: [])
            #expect(contents.contains { SHA256.hash($0 + rest) == sha256 })
        }
    }

    @Test func `the end of an upload ends whoever writes or follows it`() async throws {
        let reception = try await reception()
        let hung = TestSource(part(0..<2_000), end: .silent)
        // Awaited below.
        let writer = Task { try await reception.receive(0..<5_000, from: hung, counting: .whole(nil)) }
        async let follower: Void = reception.wait(past: 0)
        await hung.silence()
        await reception.end(.cancelled)
        await #expect { try await writer.value } throws: { ($0 as? IngestFailure)?.kind == .cancelled }
        try await follower
        #expect(reception.isSealed && reception.durable == 0)
        await #expect { try await put(0..<5_000, reception) } throws: { ($0 as? IngestFailure)?.kind == .cancelled }
    }

    @Test func `a follower is told when the frontier moves, not when a late chunk comes`() async throws {
        let reception = try await reception()
        async let follower: Void = reception.wait(past: 9_999)
        try await put(10_000..<20_000, reception)
        #expect(reception.durable == 0)
        try await put(0..<10_000, reception)
        try await follower
        #expect(reception.durable == 20_000)
        #expect(!reception.isSealed)
        _ = try await reception.seal(declared: [])
        try await reception.wait(past: 1 << 40)
    }

    @Test func `a follower that is cancelled goes`() async throws {
        let reception = try await reception()
        // Awaited below.
        let follower = Task { try await reception.wait(past: 0) }
        follower.cancel()
        await #expect(throws: CancellationError.self) { try await follower.value }
    }

    @Test func `words named as music are refused with their first piece`() async throws {
        let reception = try await reception(name: "a.mp3")
        let words = TestSource(Array(String(repeating: "no music at all\n", count: 200).utf8), end: .silent)
        await #expect { try await reception.receive(0..<20_000, from: words, counting: .whole(nil)) } throws: {
            ($0 as? IngestFailure)?.kind == .unsupported
        }
        #expect(reception.received.isEmpty)
    }

    @Test func `a head that comes late is judged when it comes`() async throws {
        let reception = try await reception(name: "a.mp3")
        try await put(10_000..<20_000, reception)
        await #expect { try await put(0..<10_000, reception) } throws: { ($0 as? IngestFailure)?.kind == .unsupported }
    }

    @Test func `another digest than declared does not seal`() async throws {
        let reception = try await reception()
        try await put(0..<20_000, reception)
        await #expect { try await reception.seal(declared: [SHA256.hash([1])]) } throws: {
            ($0 as? IngestFailure)?.kind == .digestMismatch
        }
        #expect(reception.state == .receiving)
    }

    @Test func `a failed sync ends the upload, and its bytes are never acknowledged`() async throws {
        let reception = try await reception()
        try await put(0..<5_000, reception)
        device.fail("sync journal", .inputOutput)
        await #expect { try await put(5_000..<10_000, reception) } throws: { ($0 as? IngestFailure)?.kind == .broken }
        #expect(reception.state == .ended(.broken))
        #expect(reception.received.ranges == [0..<5_000])
    }

    @Test func `a full disk keeps the durable offset, and the upload goes on later`() async throws {
        let reception = try await reception(inlineLimit: 0)
        try await put(0..<5_000, reception)
        for operation in ["write data", "write journal"] {
            device.fail(operation, .noSpace)
            await #expect { try await put(5_000..<10_000, reception) } throws: { ($0 as? IngestFailure)?.kind == .full }
            #expect(reception.durable == 5_000)
        }
        try await put(5_000..<20_000, reception)
        #expect(try await reception.seal(declared: []) == SHA256.hash(data))
    }

    @Test func `bytes of unknown number are measured, and more than the limit refused`() async throws {
        let measured = try await reception(nil)
        #expect(try await measured.receive(upTo: 20_000, from: TestSource(data)) == 20_000)
        #expect(try await measured.seal(declared: []) == SHA256.hash(data))
        let limited = try await reception(nil, on: MemoryDevice())
        await #expect { try await limited.receive(upTo: 19_999, from: TestSource(data)) } throws: {
            ($0 as? IngestFailure)?.kind == .tooLarge
        }
    }

    @Test func `commits that wait together share their syncs`() async throws {
        let reception = try await reception(inlineLimit: 16_384)
        var courses: [Course] = []
        for first in stride(from: Int64(0), to: 15_000, by: 5_000) {
            let writer = try #require(reception.status.withLock { $0.machine.admit(first..<first + 5_000).writer })
            let course = Course(writer: writer, next: first, uncommitted: first, tail: nil, tailStart: first)
            let bytes = part(first..<first + 5_000)
            courses.append(
                try await reception.lane.run { () throws(IngestFailure) in try reception.put(bytes, course) })
        }
        device.clearOperations()
        let (held, released) = (try Moment(), try Moment())
        let holder = Task.immediate {
            await reception.lane.run {
                held.come()
                released.waited()
            }
        }
        await held.awaited()
        // Each of them waits for the lane when `immediate` returns.
        let commits = courses.map { course in
            Task.immediate { _ = try await reception.commit(course, completesAlone: false) }
        }
        released.come()
        for commit in commits { try await commit.value }
        await holder.value
        #expect(device.operations == ["write journal", "sync journal", "sync folder", "sync folder"])
        #expect(reception.durable == 15_000)
    }

    /// The promise: whatever was acknowledged is there after the power went, wherever it went, and hashes to what it was.
    @Test(arguments: [0, 2_500, DiskSpool.inlineLimit])
    func `a power cut takes nothing that was acknowledged`(_ inlineLimit: Int) async throws {
        for seed in 0..<60 {
            var random = TestRandom(seed)
            var device = MemoryDevice()
            var acknowledged = IntervalSet()
            var rounds = 0
            while acknowledged.frontier < 20_000, rounds < 40 {
                rounds += 1
                let reception = try await reception(on: device, inlineLimit: inlineLimit)
                for range in acknowledged.ranges { #expect(reception.received.contains(range), "seed \(seed)") }
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let first = Int64.random(in: 0..<20, using: &random) * 1_000
                    let range = first..<min(20_000, first + Int64.random(in: 1...6, using: &random) * 1_000)
                    let isCut = Int.random(in: 0..<4, using: &random) == 0
                    let body = isCut ? TestSource(wav(700, seed: seed), piece: 100, end: .cut) : TestSource(part(range))
                    if (try? await reception.receive(range, from: body, counting: .whole(nil))) != nil {
                        acknowledged.insert(range)
                    }
                }
                device = device.afterPowerCut(&random)
            }
            let reception = try await reception(on: device, inlineLimit: inlineLimit)
            try await put(0..<20_000, reception)
            #expect(try await reception.seal(declared: []) == SHA256.hash(data), "seed \(seed)")
        }
    }
}
