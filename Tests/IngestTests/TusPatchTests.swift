import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// Bytes appended by tus.
@Suite(.timeLimit(.minutes(5))) struct TusPatchTests {
    private let files: FilesRig
    private let data = wav(150_000)

    init() throws { files = try FilesRig() }

    @Test func `bytes in several requests are the file`() async throws {
        let id = await files.tusNew(data.count)
        for (first, end) in [(0, 1), (1, 600), (600, 90_000), (90_000, 150_000)] {
            let answer = await files.tusPatch(id, first, Array(data[first..<end]))
            #expect(answer.status == 204 && answer["Upload-Offset"] == String(end))
        }
        let row = try #require(try await files.row(id))
        #expect(row.state == .verifying && row.sha256 == Hex.encode(SHA256.hash(data)))
        #expect(try await files.rig.jobs() == 1)
    }

    @Test func `another offset is 409, and nothing changes`() async throws {
        let id = await files.tusNew(data.count)
        _ = await files.tusPatch(id, 0, Array(data[..<1000]))
        for offset in [0, 999, 1001, 150_000] {
            let answer = await files.tusPatch(id, offset, Array(data[..<10]))
            #expect(answer.status == 409 && answer["Upload-Offset"] == "1000")
        }
        #expect(await files.tusHead(id)["Upload-Offset"] == "1000")
    }

    @Test func `wrong forms are refused`() async {
        let id = await files.tusNew(data.count)
        for offset in ["+0", "-1", "", "0.0", "a"] {
            let answer = await files.ask(
                .patch, "/files/\(id)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", offset)], Body(bytes: [1]))
            #expect(answer.status == 400, "\(offset)")
        }
        let type = ("Content-Type", "application/octet-stream")
        let typed = await files.ask(
            .patch, "/files/\(id)", [FilesRig.tus, type, ("Upload-Offset", "0")], Body(bytes: [1]))
        #expect(typed.status == 415)
        let silent = await files.ask(
            .patch, "/files/\(id)", [FilesRig.bytes, ("Upload-Offset", "0")], Body(bytes: [1]))
        #expect(silent.status == 412)
        #expect(await files.tusPatch("up_nothing", 0, [1]).status == 404)
    }

    @Test func `more bytes than said are 413, and end the upload`() async throws {
        for chunked in [false, true] {
            let id = await files.tusNew(1000)
            let body =
                chunked ? Body.chunked(TestSource(Array(data[..<1001]), piece: 300)) : Body(bytes: Array(data[..<1001]))
            let answer = await files.ask(
                .patch, "/files/\(id)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")], body)
            #expect(answer.status == 413)
            #expect(await files.tusHead(id).status == 410)
            #expect(try await files.row(id)?.state == .failed)
        }
        #expect(files.rig.device.names.isEmpty)
    }

    @Test func `a finished upload takes no byte more, and stays`() async throws {
        let id = await files.tusNew(data.count)
        _ = await files.tusPatch(id, 0, data)
        #expect(await files.tusPatch(id, 150_000, [1]).status == 413)
        #expect(await files.tusPatch(id, 10, [1]).status == 409)
        // A client whose last answer was lost.
        #expect(await files.tusPatch(id, 150_000, []).status == 204)
        #expect(await files.tusHead(id)["Upload-Offset"] == "150000")
    }

    @Test func `a deferred length is said once, and kept`() async throws {
        let id = await files.tusPost([("Upload-Defer-Length", "1"), FilesRig.metadata("a.wav")])["X-Upload-Id"] ?? ""
        #expect(await files.tusHead(id)["Upload-Defer-Length"] == "1")
        #expect(await files.tusPatch(id, 0, Array(data[..<1000])).status == 204)
        #expect(await files.tusPatch(id, 1000, [], [("Upload-Length", "999")]).status == 400)
        #expect(await files.tusPatch(id, 1000, Array(data[1000..<2000]), [("Upload-Length", "150000")]).status == 204)
        let head = await files.tusHead(id)
        #expect(head["Upload-Length"] == "150000" && head["Upload-Defer-Length"] == nil)
        #expect(await files.tusPatch(id, 2000, [1], [("Upload-Length", "150001")]).status == 400)
        #expect(await files.tusPatch(id, 2000, Array(data[2000...])).status == 204)
        #expect(try await files.row(id)?.sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `a length below what another request brings at the same time harms nothing`() async throws {
        for _ in 0..<15 {
            let files = try FilesRig()
            let id =
                await files.tusPost([("Upload-Defer-Length", "1"), FilesRig.metadata("a.wav")])["X-Upload-Id"] ?? ""
            await withTaskGroup(of: Int.self) { group in
                group.addTask { await files.tusPatch(id, 0, [], [("Upload-Length", "5")]).status }
                group.addTask {
                    await files.ask(
                        .patch, "/files/\(id)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")],
                        .chunked(TestSource(Array(data[..<10]), piece: 2))
                    ).status
                }
                for await status in group { #expect([204, 400, 409, 413].contains(status), "\(status)") }
            }
            let row = try #require(try await files.row(id))
            guard row.state == .receiving else { continue }
            let offset = await files.tusHead(id)["Upload-Offset"].flatMap { Int64($0) } ?? -1
            #expect(0...(row.size ?? 10) ~= offset)
        }
    }

    @Test func `a length that bytes do not fit in ends the upload, and nothing else`() async throws {
        let id = await files.tusPost([("Upload-Defer-Length", "1"), FilesRig.metadata("a.wav")])["X-Upload-Id"] ?? ""
        #expect(await files.tusPatch(id, 0, Array(data[..<10])).status == 204)
        // As a ledger may have it from before.
        let upload = try #require(UploadID(id))
        try await files.rig.ledger.write("test") { tx in try tx.uploads.setSize(upload, 5) }
        let again = FilesRig(try files.rig.restarted())
        _ = try await again.rig.service.recover()
        #expect(await again.tusPatch(id, 10, [1]).status == 413)
        #expect(await again.tusHead(id).status == 410)
        #expect(again.rig.device.names.isEmpty)
    }

    @Test func `a request that found the upload before its end does not bring it back`() async throws {
        let id = await files.tusNew(data.count)
        let stale = try #require(try await files.row(id))
        #expect(await files.ask(.delete, "/files/\(id)", [FilesRig.tus]).status == 204)
        await #expect {
            try await files.rig.service.append(Append(at: 0), to: stale, from: Body(bytes: data))
        } throws: { ($0 as? IngestFailure)?.kind == .cancelled }
        let chunked = try await files.rig.create(data)
        try await files.rig.service.cancel(chunked)
        await #expect {
            try await files.rig.service.putChunk(
                0, of: chunked, from: Body(bytes: Array(data[..<65_536])), digest: nil)
        } throws: { ($0 as? IngestFailure)?.kind == .cancelled }
        #expect(files.rig.device.names.isEmpty)
    }

    @Test func `a chunk past its upload's time is refused, swept or not`() async throws {
        let row = try await files.rig.create(data)
        files.rig.time.advance(UploadLimits().lifetime + .seconds(1))
        await #expect {
            try await files.rig.service.putChunk(0, of: row, from: Body(bytes: Array(data[..<65_536])), digest: nil)
        } throws: { ($0 as? IngestFailure)?.kind == .expired }
    }

    @Test func `a body that rests lets others have its turn`() async throws {
        let turns = UploadTurns()
        let tenant: TenantID = .operatorsOwn
        var resting: [TurnedSource] = []
        for _ in 0..<UploadTurns.places {
            let source = TurnedSource(TestSource([1]), turns, tenant)
            _ = try await source.next(upTo: 1)
            resting.append(source)
        }
        for source in resting { source.rest() }
        let next = TurnedSource(TestSource([2]), turns, tenant)
        #expect(try await next.next(upTo: 1) == [2])
        withExtendedLifetime(resting) {}
    }

    @Test func `a deferred length that grows beyond the limit is 413`() async throws {
        let files = try FilesRig { $0.audioBytes = 100_000 }
        let id = await files.tusPost([("Upload-Defer-Length", "1"), FilesRig.metadata("a.wav")])["X-Upload-Id"] ?? ""
        let answer = await files.ask(
            .patch, "/files/\(id)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")],
            .chunked(TestSource(data, piece: 40_000)))
        #expect(answer.status == 413)
        #expect(await files.tusHead(id).status == 410)
        #expect(try await files.rig.reserved() == 0)
    }

    @Test func `a deferred length reserves its disk as it grows`() async throws {
        let id = await files.tusPost([("Upload-Defer-Length", "1"), FilesRig.metadata("a.wav")])["X-Upload-Id"] ?? ""
        #expect(try await files.rig.reserved() == 0)
        _ = await files.tusPatch(id, 0, Array(data[..<1000]))
        #expect(try await files.rig.reserved() >= 1000)
        _ = await files.tusPatch(id, 1000, [], [("Upload-Length", "150000")])
        #expect(try await files.rig.reserved() == 150_000)
    }

    @Test func `what came before the client left need not be sent again`() async throws {
        let id = await files.tusNew(data.count)
        let answer = await files.ask(
            .patch, "/files/\(id)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")],
            .chunked(TestSource(Array(data[..<70_000]), piece: 10_000, end: .cut)))
        #expect(answer.status == 400)
        #expect(await files.tusHead(id)["Upload-Offset"] == "70000")
        #expect(await files.tusPatch(id, 70_000, Array(data[70_000...])).status == 204)
        #expect(try await files.row(id)?.sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `cut off behind its last byte it is complete, for nobody would send more`() async throws {
        for length in [150_000, nil] {
            let field = length.map { ("Upload-Length", String($0)) } ?? ("Upload-Defer-Length", "1")
            let id = await files.tusPost([field, FilesRig.metadata("a.wav")])["X-Upload-Id"] ?? ""
            _ = await files.ask(
                .patch, "/files/\(id)",
                [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")]
                    + (length == nil ? [("Upload-Length", "150000")] : []),
                .chunked(TestSource(data, piece: 10_000, end: .cut)))
            #expect(try await files.row(id)?.state == .verifying)
            #expect(await files.tusHead(id)["Upload-Offset"] == "150000")
        }
        #expect(try await files.rig.jobs() == 2)
    }

    @Test func `what the ledger did not come to know is completed by whoever asks`() async throws {
        let id = await files.tusNew(data.count)
        let row = try #require(try await files.row(id))
        _ = try await files.rig.service.withReception(row) { reception in
            _ = try await reception.receive(0..<150_000, from: TestSource(data), counting: .whole(nil), sealing: [])
        }
        #expect(try await files.row(id)?.state == .receiving)
        #expect(await files.tusHead(id)["Upload-Offset"] == "150000")
        #expect(try await files.row(id)?.state == .verifying)
    }

    @Test(arguments: ["HEAD", "PATCH", "DELETE"])
    func `a new request ends one that hangs`(_ method: String) async throws {
        let files = files
        let id = await files.tusNew(data.count)
        let source = TestSource(Array(data[..<70_000]), piece: 10_000, end: .silent)
        async let hanging = files.ask(
            .patch, "/files/\(id)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")], .chunked(source))
        await source.silence()
        switch method {
        case "HEAD": #expect(await files.tusHead(id)["Upload-Offset"] == "70000")
        case "PATCH": #expect(await files.tusPatch(id, 70_000, Array(data[70_000...])).status == 204)
        default: #expect(await files.ask(.delete, "/files/\(id)", [FilesRig.tus]).status == 204)
        }
        #expect(await hanging.status >= 400 && source.isCancelled)
        if method == "PATCH" { #expect(try await files.row(id)?.sha256 == Hex.encode(SHA256.hash(data))) }
    }

    @Test func `X-HTTP-Method-Override is the method`() async throws {
        let id = await files.tusNew(data.count)
        let answer = await files.ask(
            .post, "/files/\(id)",
            [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0"), ("X-HTTP-Method-Override", "PATCH")],
            Body(bytes: Array(data[..<1000])))
        #expect(answer.status == 204 && answer["Upload-Offset"] == "1000")
        #expect(await files.ask(.post, "/files/\(id)", [FilesRig.tus]).status == 405)
    }

    @Test func `a restart goes on where the journal ends, and completes what was whole`() async throws {
        let id = await files.tusNew(data.count)
        _ = await files.tusPatch(id, 0, Array(data[..<70_000]))
        let again = FilesRig(try files.rig.restarted())
        #expect(try await again.rig.service.recover().receiving == 1)
        #expect(await again.tusHead(id)["Upload-Offset"] == "70000")
        #expect(await again.tusPatch(id, 70_000, Array(data[70_000...])).status == 204)
        #expect(try await again.row(id)?.sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `other tenants and other protocols write nothing`() async throws {
        let id = await files.tusNew(data.count)
        let stranger = await files.ask(
            .patch, "/files/\(id)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")], Body(bytes: [1]),
            user: "stranger")
        #expect(stranger.status == 404)
        let chunks = try await files.rig.create(data)
        let foreign = await files.tusPatch(chunks.id.text, 0, [1])
        #expect(foreign.status == 409)
        let chunk = await files.ask(.put, "/v1/uploads/\(id)/chunks/0", [], Body(bytes: data))
        #expect(chunk.status == 409)
    }
}
