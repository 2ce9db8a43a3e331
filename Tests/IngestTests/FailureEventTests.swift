import Core
import Crypto
import HTTPServer
import Ledger
import Platform
import Testing

@testable import Ingest

/// Failures that are found while bytes arrive reach the core API by the same writer as those of the pipeline.
@Suite(.timeLimit(.minutes(5))) struct FailureEventTests {
    private let files: FilesRig
    private let data = wav(150_000)
    private let other = Hex.encode(SHA256.hash("other"))
    private var rig: ServiceRig { files.rig }

    init() throws { files = try FilesRig { $0.uploadsPerHour = 0 } }

    /// The upload and its track failed, the event is in the outbox, and its delivery to the core API is due.
    private func expectFailure(_ id: String, _ code: FailureCode) async throws {
        let row = try #require(try await files.row(id))
        #expect(row.state == .failed && row.errorCode == code)
        let track = try #require(try await rig.track(row))
        #expect(track.state == .failed && track.errorCode == code)
        let (events, delivery, jobs) = try await rig.ledger.read("test") { tx in
            (
                try tx.outbox.after(0, tenant: .operatorsOwn, limit: 100),
                try tx.deliveries.next(endpoint: "core", track: row.trackID), try tx.queues.depth(.deliver)
            )
        }
        #expect(events.map(\.type) == [.trackFailed] && jobs == 1)
        let event = try #require(events.first)
        #expect(delivery?.eventID == event.id)
        let body = try JSON.parse(event.body)
        #expect(body["data"]?["uploadId"]?.string == id && body["data"]?["trackId"]?.string == row.trackID.text)
        #expect(body["data"]?["error"]?["code"]?.string == code.rawValue)
        #expect(body["data"]?["state"]?.string == "failed" && body["data"]?["renditions"]?.array == [])
        #expect(rig.device.names.isEmpty)
    }

    @Test func `a wrong SHA-256 at the completion of chunks reaches the core API`() async throws {
        let row = try await rig.create(data)
        for index in 0..<3 as Range<Int64> { _ = try await rig.put(index, of: row, data) }
        let body = Body(bytes: JSON.object([("sha256", .string(other))]).bytes)
        #expect(await files.ask(.post, "/v1/uploads/\(row.id)/complete", [], body).status == 422)
        try await expectFailure(row.id.text, .digestMismatch)
    }

    @Test func `a wrong SHA-256 of a Content-Range upload reaches the core API`() async throws {
        let row = try await rig.create(data) { $0.sha256 = other }
        let fields = [("Content-Range", "bytes 0-149999/150000")]
        #expect(await files.ask(.put, "/v1/uploads/\(row.id)", fields, Body(bytes: data)).status == 422)
        try await expectFailure(row.id.text, .digestMismatch)
    }

    @Test func `a wrong SHA-256 of a tus upload reaches the core API`() async throws {
        let metadata = FilesRig.metadata("a.wav", ",sha256 \(Base64.encode(Array(other.utf8)))")
        let id = await files.tusPost([("Upload-Length", "150000"), metadata])["X-Upload-Id"] ?? ""
        #expect(await files.tusPatch(id, 0, data).status == 422)
        try await expectFailure(id, .digestMismatch)
    }

    @Test func `a wrong SHA-256 of an IETF upload reaches the core API`() async throws {
        let fields = [
            ("Upload-Complete", "?0"), ("Repr-Digest", "sha-256=:\(Base64.encode(SHA256.hash("other"))):"),
            ("Content-Disposition", "attachment; filename=\"a.wav\""),
        ]
        let made = await files.ask(.post, "/files", fields, Body(bytes: Array(data[..<1000])))
        let id = made["X-Upload-Id"] ?? ""
        let last = [
            ("Upload-Complete", "?1"), ("Upload-Offset", "1000"), ("Content-Type", "application/partial-upload"),
        ]
        #expect(await files.ask(.patch, "/files/\(id)", last, Body(bytes: Array(data[1000...]))).status == 422)
        try await expectFailure(id, .digestMismatch)
    }

    @Test(arguments: [150_000, 5_000])
    func `a wrong SHA-256 of a whole file in one request reaches the core API`(_ size: Int) async throws {
        let data = wav(size)
        let metadata = FilesRig.metadata(
            "a.wav", ",sha256 \(Base64.encode(Array(other.utf8))),trackId \(Base64.encode(Array("core-7".utf8)))")
        #expect(await files.tusPost([("Upload-Length", String(size)), metadata], data).status == 422)
        let track = try await rig.ledger.read("test") { tx in try tx.tracks.find(TrackID(checked: "core-7")) }
        try await expectFailure(try #require(track?.uploadID).text, .digestMismatch)
        #expect(try await rig.reserved() == 0)
    }

    @Test func `a sync that fails reaches the core API`() async throws {
        let id = await files.tusNew(150_000)
        rig.device.fail("sync", .inputOutput)
        #expect(await files.tusPatch(id, 0, data).status == 500)
        try await expectFailure(id, .internal)
    }

    @Test func `a failure that only the journal knows reaches the core API after a restart`() async throws {
        let row = try await rig.create(data)
        _ = try await rig.put(0, of: row, data)
        try await rig.service.withReception(row) { await $0.end(.digestMismatch) }
        _ = try await rig.restarted().service.recover()
        try await expectFailure(row.id.text, .digestMismatch)
    }

    @Test func `more bytes than the upload has reach the core API as a failure`() async throws {
        let id = await files.tusNew(100_000)
        #expect(await files.tusPatch(id, 0, data).status == 413)
        try await expectFailure(id, .fileTooLarge)
    }
}
