import Access
import Core
import HTTPServer
import Ledger
import Platform
import Testing

@testable import Ingest

/// What becomes of uploads whose time is over, or whose end the ledger did not come to know at once.
@Suite(.timeLimit(.minutes(5))) struct ExpiryTests {
    private let files: FilesRig
    private let data = wav(150_000)
    private var rig: ServiceRig { files.rig }

    init() throws { files = try FilesRig { $0.uploadsPerHour = 0 } }

    /// All bytes of it are sealed, and the ledger was away when it was to be told.
    private func sealed() async throws -> UploadRow {
        let fields = [("Content-Disposition", "attachment; filename=\"a.wav\""), ("Upload-Length", "150000")]
        let made = await files.ask(
            .post, "/files", fields + [("Upload-Complete", "?0")], Body(bytes: Array(data[..<1000])))
        let id = made["X-Upload-Id"] ?? ""
        rig.failing.fail("upload.complete")
        let answer = await files.ask(
            .patch, "/files/\(id)",
            [("Upload-Complete", "?1"), ("Upload-Offset", "1000"), ("Content-Type", "application/partial-upload")],
            Body(bytes: Array(data[1000...])))
        #expect(answer.status == 503 && answer["Retry-After"] == "5")
        let row = try #require(try await files.row(id))
        #expect(row.state == .receiving)
        return row
    }

    @Test(arguments: [Method.head, .get])
    func `what is told complete is complete in the ledger too`(_ method: Method) async throws {
        let row = try await sealed()
        let asked = await files.ask(method, "/files/\(row.id)")
        #expect(asked["Upload-Complete"] == "?1" && asked["Upload-Offset"] == "150000")
        #expect(try await rig.now(row).state == .verifying)
        #expect(try await rig.jobs() == 1)
    }

    @Test func `what is sealed does not expire, it is finished`() async throws {
        let row = try await sealed()
        rig.time.advance(.seconds(25 * 3600))
        #expect(try await rig.service.sweep() == 1)
        #expect(try await rig.now(row).state == .verifying)
        #expect(try await rig.jobs() == 1)
        #expect(try await rig.events() == [.uploadCompleted])
        #expect(try await rig.service.sweep() == 0)
        #expect(!rig.device.names.isEmpty)
    }

    /// The answer leaves a day after the last byte was durable.
    private func answersLate(_ request: @escaping @Sendable () async -> Response) async -> Response {
        await rig.pausing.interleave(at: ["upload.complete"], request) { rig.time.advance(.seconds(25 * 3600)) }.0
    }

    @Test func `a request whose last byte was durable in time is answered as complete, however late`() async throws {
        let (files, data) = (files, data)
        let tus = await files.tusNew(150_000)
        #expect(await answersLate { await files.tusPatch(tus, 0, data) }.status == 204)
        let begun = [("Content-Disposition", "attachment; filename=\"a.wav\""), ("Upload-Complete", "?0")]
        let ietf = await files.ask(.post, "/files", begun)["X-Upload-Id"] ?? ""
        let last = [
            ("Upload-Complete", "?1"), ("Upload-Offset", "0"), ("Content-Type", "application/partial-upload"),
        ]
        let answer = await answersLate { await files.ask(.patch, "/files/\(ietf)", last, Body(bytes: data)) }
        #expect(answer.status == 200 && answer["Upload-Complete"] == "?1")
        let ranges = try await rig.create(data).id.text
        let range = [("Content-Range", "bytes 0-149999/150000")]
        #expect(
            await answersLate { await files.ask(.put, "/v1/uploads/\(ranges)", range, Body(bytes: data)) }.status == 200
        )
        let chunks = try await rig.create(data)
        for index in 0..<3 as Range<Int64> { _ = try await rig.put(index, of: chunks, data) }
        #expect(await answersLate { await files.ask(.post, "/v1/uploads/\(chunks.id)/complete") }.status == 202)
        for id in [tus, ietf, ranges, chunks.id.text] {
            #expect(try await files.row(id)?.state == .verifying)
            // A question is another matter: the resource ends with its time.
            #expect(await files.tusHead(id).status == 410)
        }
    }

    @Test func `the last byte is durable and its SHA-256 is not: the sweep completes it`() async throws {
        let row = try #require(try await files.row(await files.tusNew(150_000)))
        let source = TestSource(data)
        _ = try await rig.service.withReception(row) {
            try await $0.receive(0..<150_000, from: source, counting: .asTheyCome)
        }
        rig.time.advance(.seconds(25 * 3600))
        _ = try await rig.service.sweep()
        #expect(try await rig.now(row).state == .verifying)
    }

    @Test func `pieces that expire are joined first for the final that waits`() async throws {
        let final = try await unjoined().final
        rig.time.advance(.seconds(25 * 3600))
        _ = try await rig.service.sweep()
        #expect(try await files.row(final)?.state == .verifying)
        #expect(try await rig.jobs() == 1)
    }

    /// A final whose last part is sealed, and that the ledger did not take.
    private func unjoined() async throws -> (part: String, final: String) {
        let made = await files.tusPost([("Upload-Length", "150000"), ("Upload-Concat", "partial")])
        let part = try #require(made["X-Upload-Id"])
        let joined = await files.tusPost([("Upload-Concat", "final;/files/\(part)"), FilesRig.metadata("a.wav")])
        let final = try #require(joined["X-Upload-Id"])
        rig.failing.fail("upload.complete")
        #expect(await files.tusPatch(part, 0, data).status == 503)
        #expect(try await files.row(final)?.state == .receiving)
        return (part, final)
    }

    @Test(arguments: [true, false])
    func `a final that could not be joined is joined when it, or its part, is asked for`(_ asksPart: Bool) async throws
    {
        let (part, final) = try await unjoined()
        #expect(await files.tusHead(asksPart ? part : final)["Upload-Offset"] == "150000")
        #expect(try await files.row(final)?.state == .verifying)
        #expect(try await rig.jobs() == 1)
    }

    @Test(arguments: [true, false])
    func `a final whose creation fails is none, and the next one makes the one track`(_ isDisk: Bool) async throws {
        let made = await files.tusPost([("Upload-Length", "150000"), ("Upload-Concat", "partial")])
        let part = try #require(made["X-Upload-Id"])
        #expect(await files.tusPatch(part, 0, data).status == 204)
        let fields = [("Upload-Concat", "final;/files/\(part)"), FilesRig.metadata("a.wav")]
        if isDisk { rig.device.fail("link", .noSpace) } else { rig.failing.fail("upload.complete") }
        #expect(await files.tusPost(fields).status == (isDisk ? 507 : 503))
        #expect(try await tracks() == 0)
        #expect(await files.tusPost(fields).status == 201)
        _ = await files.tusHead(part)
        #expect(try await tracks() == 1)
        #expect(try await rig.jobs() == 1)
    }

    private func tracks() async throws -> Int {
        try await rig.ledger.read("test") { tx in try tx.tracks.list(tenant: .operatorsOwn, limit: 10).rows.count }
    }

    @Test func `the rows of a node that is gone keep no other from ending its own`() async throws {
        let row = try await rig.create(data)
        let others = (0..<3).map { _ in
            UploadRow(
                id: .make(), trackID: .make(), tenant: .operatorsOwn, owner: ServiceRig.user.user, protocol: .chunks,
                filename: "b.wav", size: 5, requestID: .make(), node: NodeID(checked: "node_gone"),
                expiresAt: row.expiresAt - .seconds(60), createdAt: row.createdAt)
        }
        try await rig.ledger.write("test") { tx in for other in others { try tx.uploads.insert(other) } }
        rig.time.advance(.seconds(25 * 3600))
        #expect(try await rig.service.sweep(limit: 2) == 1)
        #expect(try await rig.now(row).state == .expired)
        #expect(try await rig.now(others[0]).state == .receiving)
    }
}
