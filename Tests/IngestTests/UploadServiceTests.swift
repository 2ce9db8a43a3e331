import Access
import Core
import Crypto
import HTTPServer
import Ledger
import Platform
import Synchronization
import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct UploadServiceTests {
    private let data = wav(150_000)

    private func kind(_ expected: IngestFailure.Kind) -> @Sendable (any Error) -> Bool {
        { ($0 as? IngestFailure)?.kind == expected }
    }

    @Test func `every chunk, then complete: upload, track, job and event in one step`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        #expect(try await rig.reserved() == 150_000)
        for index in [2, 0, 1] as [Int64] { #expect(try await rig.put(index, of: row, data) == .written) }
        let completed = try await rig.service.complete(row, declared: Hex.encode(SHA256.hash(data)))
        #expect(completed.state == .verifying && completed.sha256 == Hex.encode(SHA256.hash(data)))
        #expect(try await rig.track(row)?.stage == .verifying)
        #expect(try await rig.jobs() == 1)
        #expect(try await rig.events() == [.uploadCompleted])
        #expect(try await rig.reserved() == 0)
        #expect(try await rig.service.complete(completed, declared: nil) == completed)
        #expect(try await rig.service.complete(row, declared: nil).state == .verifying)
        #expect(try await rig.jobs() == 1)
        #expect(try await rig.events() == [.uploadCompleted])
    }

    @Test func `complete with gaps names the missing chunks`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        _ = try await rig.put(1, of: row, data)
        await #expect(
            performing: { try await rig.service.complete(row, declared: nil) },
            throws: kind(.incomplete(missing: [0, 2])))
        let view = try await rig.service.view(row)
        #expect(view["missing"]?.array == [0, 2])
        #expect(view["received"]?.array == [[65_536, 131_072]])
        #expect(view["offset"]?.integer == 0)
        #expect(view["state"]?.string == "receiving")
    }

    @Test func `another digest than declared fails upload and track, and removes the bytes`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data) { $0.sha256 = Hex.encode(SHA256.hash([1])) }
        for index in 0..<3 as Range<Int64> { _ = try await rig.put(index, of: row, data) }
        await #expect(performing: { try await rig.service.complete(row, declared: nil) }, throws: kind(.digestMismatch))
        let failed = try await rig.now(row)
        #expect(failed.state == .failed && failed.errorCode == .digestMismatch)
        #expect(try await rig.track(row)?.state == .failed)
        #expect(try await rig.events() == [.trackFailed])
        #expect(rig.device.names.isEmpty)
        #expect(try await rig.reserved() == 0)
        await #expect(
            performing: { try await rig.service.complete(failed, declared: nil) },
            throws: kind(.failed(.digestMismatch)))
        #expect(try await rig.service.view(failed)["error"]?["code"]?.string == "DIGEST_MISMATCH")
    }

    @Test func `words named as music are refused with the first chunk, and nothing is left`() async throws {
        let rig = try ServiceRig()
        let words = Array(String(repeating: "no music at all\n", count: 10_000).utf8)
        let row = try await rig.create(words, name: "a.mp3")
        await #expect(performing: { try await rig.put(0, of: row, words) }, throws: kind(.unsupported))
        #expect(rig.device.names.isEmpty)
        #expect(try await rig.now(row).state == .failed)
        #expect(try await rig.track(row)?.state == .deleted)
        #expect(try await rig.events().isEmpty)
        await #expect(performing: { try await rig.put(1, of: row, words) }, throws: kind(.failed(.unsupportedFormat)))
        #expect(rig.device.names.isEmpty)
    }

    @Test func `the same creation twice is one upload, another body under its key is refused`() async throws {
        let rig = try ServiceRig()
        let key = try IdempotencyKey("k", body: [1])
        let row = try await rig.create(data, key: key)
        #expect(try await rig.create(data, key: key).id == row.id)
        let other = try IdempotencyKey("k", body: [2])
        await #expect(performing: { try await rig.create(data, key: other) }, throws: kind(.idempotencyMismatch))
        let stranger = Principal(
            tenant: .operatorsOwn, user: named("user-2"), permissions: [.uploadAudio])
        #expect(try await rig.create(data, key: key, by: stranger).id != row.id)
        rig.time.advance(.seconds(86_401))
        #expect(try await rig.create(data, key: other).id != row.id)
    }

    @Test func `the hour's quota holds for users, not for administrators`() async throws {
        let rig = try ServiceRig { $0.uploadsPerHour = 2 }
        for _ in 0..<2 { _ = try await rig.create(data) }
        await #expect(throws: IngestFailure.self) { try await rig.create(data) }
        let admin = Principal(
            tenant: .operatorsOwn, user: ServiceRig.user.user, permissions: [.uploadAudio, .admin])
        _ = try await rig.create(data, by: admin)
        rig.time.advance(.seconds(3_601))
        _ = try await rig.create(data)
    }

    @Test func `more unfinished uploads than allowed are refused until one ends`() async throws {
        let rig = try ServiceRig { $0.openUploads = 1 }
        let row = try await rig.create(data)
        await #expect(throws: IngestFailure.self) { try await rig.create(data) }
        try await rig.service.cancel(row)
        _ = try await rig.create(data)
    }

    @Test func `a disk that could not hold it refuses the upload at its creation`() async throws {
        let rig = try ServiceRig()
        let journals = 2 * JournalSpace.reserved
        rig.device.status.withLock { $0.space = DiskSpace(free: 400_000 + journals, total: 1_000_000) }
        _ = try await rig.create(data)  // 300,000 may be taken, and two journals
        _ = try await rig.create(wav(140_000))
        await #expect(performing: { try await rig.create(wav(20_000)) }, throws: kind(.full))
        await #expect(performing: { try await whole(wav(20_000), length: 20_000, rig) }, throws: kind(.full))
    }

    @Test func `a disk of unknown size is not full, and the largest of all takes uploads too`() async throws {
        let rig = try ServiceRig()
        for space in [nil, DiskSpace(free: .max, total: .max)] {
            rig.device.status.withLock { $0.space = space }
            _ = try await rig.create(data)
            _ = try await whole(wav(20_000), length: 20_000, rig)
        }
    }

    @Test(arguments: [
        "-9223372036854775808", "-1", "0", "1099511627777", "9223372036854775807", "9223372036854775808", "1e300",
    ])
    func `sizes that no file has are refused`(size: String) async throws {
        // The largest limit that the settings take.
        let rig = try ServiceRig { $0.audioBytes = 1 << 40 }
        await #expect(throws: IngestFailure.self) {
            let wish = try NewUpload(json: Array(#"{"filename":"a.wav","size":\#(size),"chunkSize":65536}"#.utf8))
            _ = try await rig.service.create(
                wish, idempotency: nil, from: Origin(principal: ServiceRig.user, requestID: .make()))
        }
    }

    @Test func `sizes and names that nobody takes are refused`() async throws {
        let rig = try ServiceRig { $0.audioBytes = 1_000 }
        _ = try await rig.create(wav(1_000))
        await #expect(performing: { try await rig.create(wav(1_001)) }, throws: kind(.tooLarge))
        await #expect(performing: { try await rig.create([]) }, throws: kind(.invalid))
        await #expect(performing: { try await rig.create(wav(10), name: "a.exe") }, throws: kind(.unsupported))
    }

    @Test func `a track id of another tenant is not there, a deleted one is not used again`() async throws {
        let rig = try ServiceRig()
        let own = try await rig.create(data) { $0.trackID = TrackID("core-1") }
        let stranger = Principal(
            tenant: TenantID(checked: "b"), user: ServiceRig.user.user, permissions: [.uploadAudio])
        await #expect(
            performing: { try await rig.create(data, by: stranger) { $0.trackID = TrackID("core-1") } },
            throws: kind(.notFound))
        let again = try await rig.create(data) { $0.trackID = TrackID("core-1") }
        #expect(try await rig.track(again)?.uploadID == again.id)
        try await rig.service.cancel(own)
        #expect(try await rig.track(own)?.state == .processing)
        try await rig.service.cancel(again)
    }

    @Test func `others see no upload, a manager of the tenant does`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        func visitor(_ tenant: String, _ user: String, _ permissions: Set<Permission>) -> UploadVisitor {
            .principal(
                Principal(
                    tenant: TenantID(checked: tenant), user: named(user), permissions: permissions))
        }
        #expect(try await rig.service.find(row.id, for: .principal(ServiceRig.user)).id == row.id)
        #expect(try await rig.service.find(row.id, for: visitor("default", "user-2", [.manageTracks])).id == row.id)
        for (tenant, user, permissions) in [
            ("default", "user-2", [.uploadAudio]), ("b", "user-1", [.uploadAudio, .manageTracks]),
        ] as [(String, String, Set<Permission>)] {
            await #expect(
                performing: { try await rig.service.find(row.id, for: visitor(tenant, user, permissions)) },
                throws: kind(.notFound))
        }
        #expect(
            try await rig.service.find(row.id, for: .holder(upload: row.id, tenant: row.tenant, size: 150_000)).id
                == row.id)
        let other = UploadVisitor.holder(upload: .make(), tenant: row.tenant, size: nil)
        await #expect(performing: { try await rig.service.find(row.id, for: other) }, throws: kind(.notFound))
    }

    @Test func `cancelled is cancelled once: the track goes, the bytes go, one event`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        _ = try await rig.put(0, of: row, data)
        try await rig.service.cancel(row)
        try await rig.service.cancel(try await rig.now(row))
        #expect(try await rig.now(row).state == .cancelled)
        #expect(try await rig.track(row)?.state == .deleted)
        #expect(try await rig.events() == [.uploadCancelled])
        #expect(rig.device.names.isEmpty)
        await #expect(performing: { try await rig.put(1, of: row, data) }, throws: kind(.cancelled))
    }

    @Test func `what is past its time expires`() async throws {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        _ = try await rig.put(0, of: row, data)
        #expect(try await rig.service.sweep() == 0)
        rig.time.advance(.seconds(86_401))
        #expect(try await rig.service.sweep() == 1)
        #expect(try await rig.now(row).state == .expired)
        #expect(try await rig.events() == [.uploadExpired])
        #expect(rig.device.names.isEmpty)
    }

    @Test func `Content-Range goes on from what is there, answers gaps with it, and ends with the last byte`()
        async throws
    {
        let rig = try ServiceRig()
        let row = try await rig.create(data)
        func put(_ range: Range<Int>, total: Int64? = 150_000) async throws -> RangeAnswer {
            try await rig.service.putRange(
                .part(Int64(range.lowerBound)..<Int64(range.upperBound), total: total), of: try await rig.now(row),
                from: Body(bytes: Array(data[range])), digest: nil)
        }
        #expect(try await put(0..<70_000).offset == 70_000)
        #expect(try await put(80_000..<90_000).offset == 70_000)
        #expect(try await put(60_000..<100_000, total: nil).offset == 100_000)
        await #expect(throws: IngestFailure.self) { try await put(100_000..<110_000, total: 150_001) }
        #expect(try await put(100_000..<150_000).offset == nil)
        #expect(try await rig.now(row).sha256 == Hex.encode(SHA256.hash(data)))
        let asked = try await rig.service.putRange(
            .question(total: 150_000), of: try await rig.now(row), from: Body(bytes: []), digest: nil)
        #expect(asked.offset == nil)
    }

    private func whole(
        _ bytes: [UInt8], name: String = "a.wav", length: Int64? = nil, end: TestSource.End = .whole, _ rig: ServiceRig
    ) async throws -> UploadRow {
        try await rig.service.takeWhole(
            filename: name, contentType: nil, length: length, from: TestSource(bytes, end: end),
            origin: Origin(principal: ServiceRig.user, requestID: .make()))
    }

    @Test func `a small file is durable with its rows, lies in no spool, and is worked on as any other`() async throws {
        let rig = try ServiceRig()
        let small = wav(4_096)
        let row = try await whole(small, length: 4_096, rig)
        #expect(row.state == .verifying && row.size == 4_096 && row.sha256 == Hex.encode(SHA256.hash(small)))
        #expect(rig.device.names.isEmpty)
        #expect(try await rig.jobs() == 1)
        #expect(try await rig.events() == [.uploadCompleted])
        let held = try await rig.ledger.read("test") { try $0.smallFiles.find(row.id) }
        #expect(held == small)
        let spool = DiskSpool(device: rig.device, durability: .full)
        for _ in 0..<2 { try spool.keep(row.id, small) }
        let kept = try #require(try spool.open(row.id, creating: false))
        #expect(kept.journal.sealed?.sha256 == SHA256.hash(small))
        #expect(try kept.read(upTo: 5_000, at: 0) == small)
        try await rig.service.release(row.id)
        #expect(rig.device.names.isEmpty)
        #expect(try await rig.ledger.read("test") { try $0.smallFiles.find(row.id) } == nil)
    }

    @Test func `a small file that breaks off, is words or longer than it said leaves nothing`() async throws {
        let rig = try ServiceRig { $0.audioBytes = 5_000 }
        await #expect(
            performing: { try await whole(wav(4_096), length: 4_096, end: .cut, rig) }, throws: kind(.bodyEnded))
        await #expect(
            performing: { try await whole(Array("words\n".utf8), length: 6, rig) }, throws: kind(.unsupported))
        await #expect(performing: { try await whole([], length: 0, rig) }, throws: kind(.invalid))
        await #expect(performing: { try await whole(wav(5_001), length: 5_000, rig) }, throws: kind(.tooLarge))
        #expect(try await rig.jobs() == 0)
        #expect(try await rig.events().isEmpty)
        #expect(rig.device.names.isEmpty)
    }

    @Test func `an upload whose track was given to a newer one harms nothing, and goes with its bytes`() async throws {
        let rig = try ServiceRig()
        let old = try await rig.create(data)
        let twin = try await rig.create(data) { $0.trackID = old.trackID }
        let new = try await rig.create(data) { $0.trackID = old.trackID }
        // One that turns out to be of another kind.
        await #expect(throws: IngestFailure.self) {
            _ = try await rig.put(0, of: old, [UInt8](repeating: 0x20, count: data.count))
        }
        for index in 0..<(new.geometry?.count ?? 0) {
            for row in [new, twin] { _ = try await rig.put(index, of: row, data) }
        }
        _ = try await rig.service.complete(try await rig.now(new), declared: nil)
        await #expect(
            performing: { _ = try await rig.service.complete(try await rig.now(twin), declared: nil) },
            throws: kind(.cancelled))
        #expect(try await rig.now(old).state == .failed)
        #expect(try await rig.now(twin).state == .cancelled)
        #expect(try await rig.now(new).state == .verifying)
        let track = try #require(try await rig.track(new))
        #expect(track.state == .processing && track.uploadID == new.id && track.stage == .verifying)
        #expect(try await rig.jobs() == 1)
        #expect(rig.device.names.allSatisfy { $0.contains(new.id.text) } && !rig.device.names.isEmpty)
        // One that was complete before the newer one came ends when its job has its turn.
        let newest = try await rig.create(data) { $0.trackID = old.trackID }
        try await rig.service.endSuperseded(try await rig.now(new))
        #expect(try await rig.now(new).state == .cancelled)
        try await rig.service.endSuperseded(try await rig.now(newest))
        #expect(try await rig.now(newest).state == .receiving)
        #expect(rig.device.names.allSatisfy { !$0.contains(new.id.text) })
    }

    @Test func `a whole file in one request is an upload and a job`() async throws {
        let rig = try ServiceRig()
        let row = try await whole(data, rig)
        #expect(row.state == .verifying && row.size == 150_000 && row.sha256 == Hex.encode(SHA256.hash(data)))
        #expect(try await rig.jobs() == 1)
        #expect(try await rig.events() == [.uploadCompleted])
        let view = try await rig.service.view(row)
        #expect(
            view["state"]?.string == "verifying" && view["received"]?.array == [[0, 150_000]]
                && view["missing"]?.array == [])
    }

    @Test func `a whole file that breaks off, is words, empty or too large leaves nothing`() async throws {
        let rig = try ServiceRig { $0.audioBytes = 150_000 }
        await #expect(performing: { try await whole(data, end: .cut, rig) }, throws: kind(.bodyEnded))
        await #expect(performing: { try await whole(Array("words\n".utf8), rig) }, throws: kind(.unsupported))
        await #expect(performing: { try await whole([], rig) }, throws: kind(.invalid))
        await #expect(performing: { try await whole(wav(150_001), rig) }, throws: kind(.tooLarge))
        await #expect(performing: { try await whole(wav(10), length: 150_001, rig) }, throws: kind(.tooLarge))
        rig.device.fail("write data", .noSpace)
        await #expect(performing: { try await whole(data, rig) }, throws: kind(.full))
        #expect(rig.device.names.isEmpty)
        #expect(try await rig.jobs() == 0)
        #expect(try await rig.events().isEmpty)
        _ = try await whole(data, rig)
    }
}

extension RangeAnswer {
    fileprivate var offset: Int64? {
        if case .further(let offset) = self { offset } else { nil }
    }
}
