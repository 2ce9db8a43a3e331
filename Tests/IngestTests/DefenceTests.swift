import Access
import Core
import HTTPServer
import Ledger
import Platform
import Synchronization
import Testing

@testable import Ingest

/// What keeps one client, one tenant or a full disk from being everybody's trouble.
@Suite(.timeLimit(.minutes(5))) struct DefenceTests {
    private func kind(_ expected: IngestFailure.Kind) -> @Sendable (any Error) -> Bool {
        { ($0 as? IngestFailure)?.kind == expected }
    }

    // MARK: Turns

    @Test func `a tenant with one upload waits for one turn, however many another has waiting`() {
        var turns = FairTurns<String, Int>(places: 2)
        let a1 = turns.ask(1, of: "many")
        #expect(a1)
        let a2 = turns.ask(2, of: "many")
        #expect(a2)
        for ticket in 3...100 {
            let isTurn = turns.ask(ticket, of: "many")
            #expect(!isTurn)
        }
        let a200 = turns.ask(200, of: "one")
        #expect(!a200)
        let a201 = turns.ask(201, of: "one")
        #expect(!a201)
        var order: [Int?] = []
        for _ in 0..<6 { order.append(turns.end()) }
        #expect(order == [3, 200, 4, 201, 5, 6])
    }

    @Test func `every turn that ends is given on, and places come free when nobody waits`() {
        var turns = FairTurns<Int, Int>(places: 3)
        var (random, working, served) = (TestRandom(1), 0, Set<Int>())
        for ticket in 0..<500 {
            if turns.ask(ticket, of: Int.random(in: 0..<7, using: &random)) {
                working += 1
                served.insert(ticket)
            }
            #expect(working <= 3)
            if Bool.random(using: &random), working > 0 {
                if let next = turns.end() { served.insert(next) } else { working -= 1 }
            }
        }
        while working > 0 { if let next = turns.end() { served.insert(next) } else { working -= 1 } }
        #expect(served.count == 500)
        let again = (1...4).map { turns.ask($0, of: $0) }
        #expect(again == [true, true, true, false])
    }

    @Test func `the more bodies come, the smaller their pieces are`() async throws {
        let turns = UploadTurns()
        let alone = TurnedSource(TestSource([1, 2, 3]), turns, .operatorsOwn)
        #expect(turns.piece == UploadTurns.bytes)
        var others: [TurnedSource] = []
        for _ in 1..<1_000 { others.append(TurnedSource(TestSource([]), turns, .operatorsOwn)) }
        #expect(turns.piece == UploadTurns.bytes / 1_000)
        #expect(try await alone.next(upTo: 10) == [1, 2, 3])
        #expect(try await alone.next(upTo: 10).isEmpty)
        others = []
        #expect(turns.bodies == 1)
        withExtendedLifetime(alone) {}
    }

    @Test func `a body that is dropped in its turn gives it back`() async throws {
        let turns = UploadTurns()
        for _ in 0..<UploadTurns.places * 3 {
            let source = TurnedSource(TestSource([1]), turns, .operatorsOwn)
            #expect(try await source.next(upTo: 1) == [1])
        }
        #expect(turns.bodies == 0)
    }

    // MARK: The disk

    @Test func `below the watermark new uploads are refused, and those under way go on to their end`() async throws {
        let rig = try ServiceRig()
        let data = wav(150_000)
        let row = try await rig.create(data)
        _ = try await rig.put(0, of: row, data)
        rig.device.status.withLock { $0.space = .init(free: 90_000, total: 1_000_000) }
        await #expect(performing: { try await rig.create(wav(1_000)) }, throws: kind(.full))
        _ = try await rig.put(1, of: row, data)
        _ = try await rig.put(2, of: row, data)
        let done = try await rig.service.complete(try await rig.now(row), declared: nil)
        #expect(done.state == .verifying)
        rig.device.status.withLock { $0.space = .init(free: 900_000, total: 1_000_000) }
        _ = try await rig.create(wav(1_000))
    }

    // MARK: Refused early

    /// Says how much of it was read.
    private final class Endless: BodySource {
        let read = Atomic<Int>(0)
        private let text = Array(String(repeating: "These are words, and no music. ", count: 200).utf8)
        func read(upTo count: Int) async throws(BodyFailure) -> [UInt8] {
            let piece = Array(text.prefix(min(count, 4_096)))
            read.add(piece.count, ordering: .relaxed)
            return piece
        }
        func cancel() {}
        var trailers: Fields { .none }
    }

    @Test func `a wrong file of 50 GB is refused before 64 KiB of it were read, and its room is free again`()
        async throws
    {
        let size: Int64 = 50 << 30
        let rig = try ServiceRig { $0.audioBytes = 60 << 30 }
        rig.device.status.withLock { $0.space = .init(free: 90 << 30, total: 100 << 30) }
        let row = try await rig.service.create(
            NewUpload(filename: "a.flac", size: size), idempotency: nil,
            from: Origin(principal: ServiceRig.user, requestID: .make()))
        let source = Endless()
        await #expect(
            performing: {
                try await rig.service.putRange(
                    .part(0..<size, total: size), of: row, from: Body(length: size, source: source), digest: nil)
            }, throws: kind(.unsupported))
        #expect(source.read.load(ordering: .relaxed) <= 65_536)
        #expect(try await rig.now(row).state == .failed)
        #expect(try await rig.reserved() == 0)
        #expect(rig.device.names.isEmpty)
    }

    // MARK: What is said holds

    @Test(arguments: [1, 1_000, 1_048_576, 3_000_000])
    func `the largest size that is told is the largest that is taken`(
        bytes: Int64
    ) async throws {
        let rig = try ServiceRig { $0.audioBytes = bytes }
        let told = try #require(rig.service.limits.json["audio"]?["max_size_bytes"]?.integer)
        let origin = Origin(principal: ServiceRig.user, requestID: .make())
        _ = try await rig.service.create(NewUpload(filename: "a.wav", size: told), idempotency: nil, from: origin)
        await #expect(
            performing: {
                try await rig.service.create(
                    NewUpload(filename: "a.wav", size: told + 1), idempotency: nil, from: origin)
            }, throws: kind(.tooLarge))
    }

    @Test(arguments: MediaKind.allCases) func `the formats that are told are those whose names are taken`(
        kind: MediaKind
    ) throws {
        let formats = try #require(UploadLimits().json[kind.rawValue]?["formats"]?.array)
        let told = formats.compactMap(\.string)
        #expect(!told.isEmpty)
        for name in told {
            #expect(throws: Never.self) { _ = try FormatPromise(filename: "a.\(name)", mediaOf: kind) }
            if kind == .audio {
                #expect(FormatPromise(filename: "a.\(name)", contentType: nil).format?.rawValue == name)
                #expect(throws: Never.self) {
                    try FormatPromise.mustNotBeForeign(filename: "a.\(name)", contentType: nil)
                }
            }
        }
        for name in ["exe", "txt", "html", "svg", "zip"] {
            #expect(throws: IngestFailure.self) { _ = try FormatPromise(filename: "a.\(name)", mediaOf: kind) }
            #expect(throws: IngestFailure.self) {
                try FormatPromise.mustNotBeForeign(filename: "a.\(name)", contentType: nil)
            }
        }
    }

    @Test func `as many uploads an hour as are told begin, and not one more`() async throws {
        let rig = try ServiceRig {
            $0.uploadsPerHour = 7
            $0.openUploads = 0
        }
        let told = try #require(rig.service.limits.json["uploads_per_hour"]?.integer)
        for _ in 0..<told { _ = try await rig.create(wav(1_000)) }
        do {
            _ = try await rig.create(wav(1_000))
            Issue.record("one more was taken")
        } catch let failure as IngestFailure {
            guard case .quota(let wait) = failure.kind else { throw failure }
            #expect(wait > .zero && wait <= .seconds(3_600))
            rig.time.advance(.seconds(3_601))
            _ = try await rig.create(wav(1_000))
        }
    }
}
