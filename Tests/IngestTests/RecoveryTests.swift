import Core
import Crypto
import HTTPServer
import Ledger
import Synchronization
import Testing

@testable import Ingest

/// What a start finds after a crash at any point between journal and ledger.
@Suite(.timeLimit(.minutes(5))) struct RecoveryTests {
    private let data = wav(150_000)

    @Test func `acknowledged chunks survive, and the upload goes on`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        for index in [0, 2] as [Int64] { _ = try await rig.put(index, of: row, data) }
        var random = TestRandom(1)
        let again = try rig.restarted(with: rig.device.afterPowerCut(&random))
        #expect(try await again.service.recover() == Recovery(receiving: 1))
        #expect(try await again.service.view(row)["missing"]?.array == [1])
        #expect(try await again.put(1, of: row, data) == .written)
        #expect(try await again.service.complete(row, declared: nil).sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `sealed in the journal, still receiving in the ledger: completed, once`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        for index in 0..<3 as Range<Int64> { _ = try await rig.put(index, of: row, data) }
        _ = try await rig.service.withReception(row) { try await $0.seal(declared: []) }
        for _ in 0..<2 {
            let again = try rig.restarted()
            _ = try await again.service.recover()
            #expect(try await again.now(row).state == .verifying)
        }
        #expect(try await rig.now(row).sha256 == Hex.encode(SHA256.hash(data)))
        #expect(try await rig.jobs() == 1)
        #expect(try await rig.events() == [.uploadCompleted])
    }

    @Test func `all chunks there but never completed: it still waits for complete`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        for index in 0..<3 as Range<Int64> { _ = try await rig.put(index, of: row, data) }
        let again = try rig.restarted()
        #expect(try await again.service.recover() == Recovery(receiving: 1))
        #expect(try await again.now(row).state == .receiving)
    }

    @Test func `the last byte of a Content-Range upload found durable completes it`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        let source = TestSource(data)
        _ = try await rig.service.withReception(row) {
            try await $0.receive(0..<150_000, from: source, counting: .asTheyCome, completesAlone: true)
        }
        let again = try rig.restarted()
        #expect(try await again.service.recover() == Recovery(completed: 1))
        #expect(try await again.now(row).state == .verifying)
    }

    @Test func `ended in the journal, still receiving in the ledger: the ledger follows`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        _ = try await rig.put(0, of: row, data)
        try await rig.service.withReception(row) { await $0.end(.digestMismatch) }
        let again = try rig.restarted()
        #expect(try await again.service.recover() == Recovery(ended: 1))
        #expect(try await again.now(row).errorCode == .digestMismatch)
        #expect(rig.device.names.isEmpty)
    }

    @Test func `bytes that nobody owns, and of uploads that ended, are removed`() async throws {
        let rig = try ServiceRig()
        let orphan = try #require(try DiskSpool(device: rig.device, durability: .full).open(.make(), creating: true))
        try orphan.write([1], at: 0)
        let row = try await rig.create(data)
        _ = try await rig.put(0, of: row, data)
        _ = try await rig.ledger.write("test") { tx in
            try tx.uploads.setState(row.id, from: [.receiving], to: .cancelled)
        }
        let again = try rig.restarted()
        #expect(try await again.service.recover() == Recovery(removed: 2))
        #expect(rig.device.names.isEmpty)
    }

    @Test func `bytes of a track that failed through a fault of the server stay for a retry`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        for index in 0..<3 as Range<Int64> { _ = try await rig.put(index, of: row, data) }
        _ = try await rig.service.complete(row, declared: nil)
        let names = rig.device.names
        for (code, isKept) in [(FailureCode.internal, true), (.corruptMedia, false)] {
            _ = try await rig.ledger.write("test") { tx in
                _ = try tx.tracks.setUpload(row.trackID, row.id)
                return try tx.tracks.fail(row.trackID, code: code, message: "It failed.")
            }
            let again = try rig.restarted()
            #expect(try await again.service.recover() == Recovery(removed: isKept ? 0 : 1))
            #expect((again.device.names == names) == isKept)
        }
    }

    @Test func `a journal that cannot be read keeps no other upload from being served`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        _ = try await rig.put(0, of: row, data)
        rig.device.status.withLock { status in
            for name in status.files.keys where name.hasSuffix(".journal") { status.files[name]?.written[0] = 0 }
        }
        let other = try await rig.create(data)
        let again = try rig.restarted()
        #expect(try await again.service.recover() == Recovery(unreadable: 1))
        #expect(try await again.put(0, of: other, data) == .written)
        await #expect(throws: IngestFailure.self) { try await again.service.view(row) }
    }
}
