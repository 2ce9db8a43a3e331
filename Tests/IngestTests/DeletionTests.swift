import Core
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// DELETE of an upload that is complete.
@Suite(.timeLimit(.minutes(5))) struct DeletionTests {
    private let files: FilesRig
    private let data = wav(150_000)
    private var rig: ServiceRig { files.rig }

    init() throws { files = try FilesRig { $0.uploadsPerHour = 0 } }

    private func completed() async throws -> UploadRow {
        let id = await files.tusNew(data.count)
        #expect(await files.tusPatch(id, 0, data).status == 204)
        return try #require(try await files.row(id))
    }

    private func expectGone(_ row: UploadRow) async throws {
        #expect(await files.tusHead(row.id.text).status == 410)
        #expect(await files.ask(.delete, "/files/\(row.id)", [FilesRig.tus]).status == 410)
        let view = try JSON.parse(await files.ask(.get, "/v1/uploads/\(row.id)").bytes)
        #expect(view["data"]?["state"]?.string == "cancelled")
        #expect(try await rig.events().last == .uploadCancelled)
    }

    @Test(arguments: ["/files", "/v1/uploads"])
    func `a complete upload is deleted, and its track with it`(_ place: String) async throws {
        let row = try await completed()
        #expect(await files.ask(.delete, "\(place)/\(row.id)", [FilesRig.tus]).status == 204)
        try await expectGone(row)
        #expect(try await rig.track(row)?.state == .deleted)
        #expect(rig.device.names.isEmpty)
        #expect(await files.ask(.delete, "/v1/uploads/\(row.id)").status == 204)
        #expect(try await rig.events() == [.uploadCompleted, .uploadCancelled])
    }

    @Test func `the bytes of a small file that is deleted leave the ledger`() async throws {
        let answer = await files.ask(.post, "/v1/uploads/simple?filename=a.wav", [], Body(bytes: wav(5_000)))
        let row = try #require(try await files.row(answer["X-Upload-Id"] ?? ""))
        #expect(await files.ask(.delete, "/v1/uploads/\(row.id)").status == 204)
        #expect(try await rig.ledger.read("test") { tx in try tx.smallFiles.find(row.id) } == nil)
        try await expectGone(row)
    }

    @Test func `a ready track stays when its upload is deleted`() async throws {
        let row = try await completed()
        let generation = GenerationRow(
            id: .make(), trackID: row.trackID, profile: "a", node: ServiceRig.node, createdAt: row.createdAt,
            heartbeatAt: row.createdAt)
        try await rig.ledger.write("test") { tx in
            try tx.generations.insert(generation)
            _ = try tx.tracks.publish(row.trackID, generation: generation.id, metadata: nil, scan: nil, renditions: nil)
        }
        #expect(await files.ask(.delete, "/files/\(row.id)", [FilesRig.tus]).status == 204)
        try await expectGone(row)
        let track = try await rig.track(row)
        #expect(track?.state == .ready && track?.generation == generation.id)
    }

    @Test func `a quarantined track stays when its upload is deleted`() async throws {
        let row = try await completed()
        try await rig.ledger.write("test") { tx in
            _ = try tx.tracks.quarantine(row.trackID, code: .infected, message: "It was found.", scan: nil)
            _ = try tx.uploads.setState(row.id, from: [.verifying], to: .quarantined)
        }
        #expect(await files.ask(.delete, "/files/\(row.id)", [FilesRig.tus]).status == 204)
        try await expectGone(row)
        #expect(try await rig.track(row)?.state == .quarantined)
    }

    @Test func `a file that an operator reviews stays evidence when its upload is deleted`() async throws {
        let row = try await completed()
        try await rig.ledger.write("test") { tx in
            try tx.quarantine.insert(
                QuarantineRow(
                    trackID: row.trackID, uploadID: row.id, tenant: row.tenant, reason: .infected, evidence: "{}",
                    at: tx.now))
        }
        #expect(await files.ask(.delete, "/files/\(row.id)", [FilesRig.tus]).status == 204)
        #expect(try await rig.track(row)?.state == .processing)
    }

    @Test func `a track without a file fails when the upload that should bring one ends`() async throws {
        let first = try await completed()
        _ = try await rig.ledger.write("test") { tx in
            try tx.tracks.fail(first.trackID, code: .corruptMedia, message: "It failed.")
        }
        rig.time.advance(.seconds(1))
        let second = await files.ask(
            .post, "/v1/uploads", [("Content-Type", "application/json")],
            Body(bytes: Array("{\"filename\":\"b.wav\",\"size\":150000,\"trackId\":\"\(first.trackID)\"}".utf8)))
        let id = try #require(JSON.parse(second.bytes)["data"]?["id"]?.string)
        #expect(try await rig.track(first)?.state == .processing)
        #expect(await files.ask(.delete, "/v1/uploads/\(id)").status == 204)
        #expect(try await rig.track(first)?.state == .failed)
        #expect(try await rig.track(first)?.errorCode == .uploadIncomplete)
        #expect(try await rig.events().suffix(2) == [.trackFailed, .uploadCancelled])
    }

    @Test func `a newer upload of the track stays when the older one is deleted`() async throws {
        let row = try await completed()
        let newer = try await rig.create(data) { $0.trackID = row.trackID }
        #expect(await files.ask(.delete, "/files/\(row.id)", [FilesRig.tus]).status == 204)
        try await expectGone(row)
        #expect(try await rig.track(row)?.uploadID == newer.id)
        #expect(try await rig.track(row)?.state == .processing)
    }
}
