import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// What a tus client is told, and what it ends.
@Suite(.timeLimit(.minutes(5))) struct TusHeadTests {
    private let files: FilesRig
    private let data = wav(150_000)

    init() throws { files = try FilesRig() }

    @Test func `the offset, the length, the time and what was said at creation`() async throws {
        let id = await files.tusNew(150_000)
        _ = await files.tusPatch(id, 0, Array(data[..<1000]))
        let answer = await files.tusHead(id)
        #expect(answer.status == 200 && answer["Upload-Offset"] == "1000" && answer["Upload-Length"] == "150000")
        #expect(answer["Cache-Control"] == "no-store" && answer["Tus-Resumable"] == "1.0.0")
        #expect(answer["Upload-Metadata"] == FilesRig.metadata("a.wav").1)
        #expect(answer["Upload-Expires"] == (try await files.row(id))?.expiresAt.httpDate)
    }

    @Test func `what is complete says its full offset, also when its track failed`() async throws {
        let id = await files.tusNew(150_000)
        _ = await files.tusPatch(id, 0, data)
        let row = try #require(try await files.row(id))
        try await files.rig.ledger.write("test") { tx in
            _ = try tx.tracks.fail(row.trackID, code: .corruptMedia, message: "It is.")
        }
        #expect(await files.tusHead(id)["Upload-Offset"] == "150000")
    }

    @Test func `what is not there is 404, what is over 410`() async throws {
        #expect(await files.tusHead("up_nothing").status == 404)
        let id = await files.tusNew(150_000)
        #expect(await files.ask(.delete, "/files/\(id)", [FilesRig.tus]).status == 204)
        #expect(await files.tusHead(id).status == 410)
        #expect(await files.tusPatch(id, 0, [1]).status == 410)
        #expect(await files.ask(.delete, "/files/\(id)", [FilesRig.tus]).status == 410)
        let state = await files.ask(.get, "/v1/uploads/\(id)")
        #expect(try JSON.parse(state.bytes)["data"]?["state"]?.string == "cancelled")
    }

    @Test func `past its time it is 410, swept or not, and its bytes go`() async throws {
        let id = await files.tusNew(150_000)
        _ = await files.tusPatch(id, 0, Array(data[..<100_000]))
        files.rig.time.advance(.seconds(24 * 3600 + 1))
        #expect(await files.tusHead(id).status == 410)
        #expect(try await files.rig.service.sweep() == 1)
        #expect(await files.tusHead(id).status == 410)
        #expect(files.rig.device.names.isEmpty)
        #expect(try await files.rig.reserved() == 0)
    }

    @Test func `a state that cannot be read now is 423, never a failure`() async throws {
        let id = await files.tusNew(150_000)
        _ = await files.tusPatch(id, 0, Array(data[..<100_000]))
        let again = FilesRig(try files.rig.restarted())
        files.rig.device.corruptJournals()
        let answer = await again.tusHead(id)
        #expect(answer.status == 423 && answer["Retry-After"] == "1")
    }

    @Test func `other tenants learn nothing`() async {
        let id = await files.tusNew(150_000)
        #expect(await files.ask(.head, "/files/\(id)", [FilesRig.tus], user: "stranger").status == 404)
        #expect(await files.ask(.delete, "/files/\(id)", [FilesRig.tus], user: "stranger").status == 404)
        #expect(await files.ask(.head, "/files/\(id)", [FilesRig.tus], user: nil).status == 401)
    }

    @Test func `OPTIONS says what is spoken, without a version and without a key`() async {
        for path in ["/files", "/files/up_any"] {
            let answer = await files.ask(.options, path, user: nil)
            #expect(answer.status == 204 && answer["Tus-Version"] == "1.0.0" && answer["Tus-Max-Size"] == "524288000")
            #expect(answer["Tus-Checksum-Algorithm"] == "sha1,sha256,md5,crc32c")
            #expect(answer["Upload-Limit"] == "max-size=524288000")
            for name in [
                "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum",
                "checksum-trailer", "termination", "concatenation", "concatenation-unfinished",
            ] {
                #expect(answer["Tus-Extension"]?.split(separator: ",").contains(Substring(name)) == true, "\(name)")
            }
        }
    }

    @Test func `a method that /files lacks is 405 and says which there are`() async {
        let answer = await files.ask(.put, "/files/up_any", [FilesRig.tus])
        #expect(answer.status == 405 && answer["Allow"]?.contains("PATCH") == true)
    }

    @Test func `the token of one upload opens it alone`() async throws {
        let id = await files.tusNew(150_000)
        let row = try #require(try await files.row(id))
        let secret = Array("a secret of at least 32 characters".utf8)
        let token = UploadToken(secrets: [secret]).make(for: row)
        let own = await files.ask(
            .patch, "/files/\(id)?token=\(token)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")],
            Body(bytes: Array(data[..<1000])), user: nil)
        #expect(own.status == 204)
        let other = await files.tusNew(1000)
        #expect(await files.ask(.head, "/files/\(other)?token=\(token)", [FilesRig.tus], user: nil).status == 401)
        let forged = UploadToken(secrets: [Array("another secret of 32 characters.".utf8)]).make(for: row)
        #expect(await files.ask(.head, "/files/\(id)?token=\(forged)", [FilesRig.tus], user: nil).status == 401)
        files.rig.time.advance(.seconds(24 * 3600 + 1))
        #expect(await files.ask(.head, "/files/\(id)?token=\(token)", [FilesRig.tus], user: nil).status == 401)
    }
}
