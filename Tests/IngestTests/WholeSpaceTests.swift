import Core
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// Space and quota of files that come in one request.
@Suite(.timeLimit(.minutes(5))) struct WholeSpaceTests {
    private let rig: ServiceRig
    private let data = wav(150_000)

    init() throws {
        rig = try ServiceRig { limits in
            limits.uploadsPerHour = 0
            limits.tenantQuota = 200_000
        }
    }

    private func take(_ source: any ByteSource, length: Int64?, _ rig: ServiceRig? = nil) async throws -> UploadRow {
        try await (rig ?? self.rig).service.takeWhole(
            filename: "a.wav", contentType: nil, length: length, from: source,
            origin: Origin(principal: ServiceRig.user, requestID: .make()))
    }

    @Test func `a file that comes has its space and its share of the quota to itself`() async throws {
        let source = HeldSource(data)
        async let first = take(source, length: 150_000)
        await source.isAsked()
        #expect(try await rig.reserved() == 150_000)
        await #expect(performing: { try await take(TestSource(data), length: 150_000) }, throws: isFull)
        await #expect(performing: { try await rig.create(data) }, throws: isFull)
        await #expect(performing: { try await take(TestSource(wav(60_000)), length: 60_000) }, throws: isFull)
        source.go()
        #expect(try await first.state == .verifying)
        #expect(try await rig.reserved() == 0)
        #expect(try await rig.jobs() == 1)
    }

    @Test func `a small file is held to the quota too`() async throws {
        _ = try await rig.create(wav(190_000))
        await #expect(performing: { try await take(TestSource(wav(12_000)), length: 12_000) }, throws: isFull)
        #expect(try await take(TestSource(wav(4_000)), length: 4_000).state == .verifying)
    }

    @Test func `a file whose length nobody said reserves as it comes`() async throws {
        await #expect(performing: { try await take(TestSource(data), length: nil) }, throws: isFull)
        #expect(try await rig.reserved() == 0)
        #expect(rig.device.names.isEmpty)
    }

    @Test func `what breaks off gives its space back, at the latest with the next sweep`() async throws {
        await #expect(throws: IngestFailure.self) {
            try await take(TestSource(data, end: .cut), length: 150_000)
        }
        #expect(try await rig.reserved() == 0)
        rig.failing.fail("upload.unreserve")
        await #expect(throws: IngestFailure.self) {
            try await take(TestSource(data, end: .cut), length: 150_000)
        }
        #expect(try await rig.reserved() == 150_000)
        _ = try await rig.service.sweep()
        #expect(try await rig.reserved() == 0)
    }

    @Test func `a crash leaves no space reserved for what it cut off`() async throws {
        let row = try await rig.create(wav(10_000))
        try await rig.ledger.write("test") { tx in
            let wish = ReservationRow(
                owner: UploadID.make().text, node: ServiceRig.node, tenant: .operatorsOwn, bytes: 150_000)
            let outcome = try tx.reservations.reserve(wish, available: 1 << 40)
            #expect(outcome == .reserved)
        }
        #expect(try await rig.reserved() == 160_000)
        let again = try rig.restarted()
        _ = try await again.service.recover()
        #expect(try await again.reserved() == 10_000)
        #expect(try await again.now(row).state == .receiving)
    }

    private func isFull(_ error: any Error) -> Bool { (error as? IngestFailure)?.kind == .full }
}

/// Bytes that come once they are let go.
private final class HeldSource: ByteSource {
    private let source: TestSource
    private let asked = AsyncStream<Void>.makeStream()
    private let gate = AsyncStream<Void>.makeStream()

    init(_ bytes: [UInt8]) { source = TestSource(bytes) }

    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        asked.continuation.yield()
        for await _ in gate.stream { break }
        return try await source.next(upTo: count)
    }

    func isAsked() async { for await _ in asked.stream { break } }
    func go() { gate.continuation.finish() }
    func cancel() { source.cancel() }
}
