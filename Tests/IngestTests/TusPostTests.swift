import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// Creations by tus, with and without bytes.
@Suite(.timeLimit(.minutes(5))) struct TusPostTests {
    private let files: FilesRig
    private let data = wav(150_000)

    init() throws { files = try FilesRig() }

    @Test func `a creation answers where the upload is and who it is`() async throws {
        let made = await files.tusPost([("Upload-Length", "150000"), FilesRig.metadata("a.wav")])
        let id = try #require(made["X-Upload-Id"])
        #expect(made.status == 201 && made["Location"] == "http://here/files/\(id)" && made["Tus-Resumable"] == "1.0.0")
        let row = try #require(try await files.row(id))
        #expect(row.protocol == .tus && row.size == 150_000 && row.filename == "a.wav")
        #expect(made["X-Track-Id"] == row.trackID.text && made["Upload-Expires"] == row.expiresAt.httpDate)
        #expect(try await files.rig.reserved() == 150_000)
    }

    @Test func `a creation with all its bytes is complete`() async throws {
        let made = await files.tusPost([("Upload-Length", "150000"), FilesRig.metadata("a.wav")], data)
        #expect(made.status == 201 && made["Upload-Offset"] == "150000")
        let row = try #require(try await files.row(made["X-Upload-Id"] ?? ""))
        #expect(row.state == .verifying && row.sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `a creation with some of its bytes says how many`() async throws {
        let made = await files.tusPost(
            [("Upload-Length", "150000"), FilesRig.metadata("a.wav")], Array(data[..<70_000]))
        #expect(made.status == 201 && made["Upload-Offset"] == "70000")
        #expect(try await files.row(made["X-Upload-Id"] ?? "")?.state == .receiving)
    }

    @Test func `an empty file is taken, and complete at once`() async throws {
        let made = await files.tusPost([("Upload-Length", "0"), FilesRig.metadata("a.wav")])
        #expect(made.status == 201)
        #expect(try await files.row(made["X-Upload-Id"] ?? "")?.state == .verifying)
    }

    @Test(arguments: ["+5", "-1", "5.0", " ", "0x5", "", "99999999999999999999", "5,5"])
    func `what is no number is no length`(_ length: String) async {
        #expect(await files.tusPost([("Upload-Length", length)]).status == 400)
    }

    @Test(arguments: ["0", "2", "true", ""])
    func `a length is deferred by 1 alone`(_ value: String) async {
        #expect(await files.tusPost([("Upload-Defer-Length", value)]).status == 400)
    }

    @Test func `exactly one of length and its deferral`() async {
        #expect(await files.tusPost([]).status == 400)
        #expect(await files.tusPost([("Upload-Length", "5"), ("Upload-Defer-Length", "1")]).status == 400)
        #expect(await files.tusPost([("Upload-Defer-Length", "1")]).status == 201)
    }

    @Test func `another version, or none, is 412 with ours`() async {
        for version in ["0.2.2", "1.0.1", ""] {
            let answer = await files.ask(.post, "/files", [("Tus-Resumable", version), ("Upload-Length", "5")])
            #expect(answer.status == 412 && answer["Tus-Version"] == "1.0.0", "\(version)")
        }
        let silent = await files.ask(.post, "/files", [FilesRig.bytes, ("Upload-Length", "5")])
        #expect(silent.status == 412 && silent["Tus-Version"] == "1.0.0")
    }

    @Test func `without any protocol's fields a creation is 400`() async {
        #expect(await files.ask(.post, "/files", [("Upload-Length", "5")]).status == 400)
    }

    @Test(arguments: [
        "filename", "filename YQ", "filename YQ==,filename YQ==", "filename Y Q==", "filename YQ==,,", "fïle YQ==",
        "filename /w==", "filename AA==", "filename YS53YXY=,filetype YXVkaW8AL3dhdg==", "sha256 YQ==",
        "trackId Li4veA==",
    ])
    func `metadata that cannot be read is refused`(_ field: String) async {
        let refused = await files.tusPost([("Upload-Length", "5"), ("Upload-Metadata", field)])
        // A key without a value is one; a file name that is none says nothing.
        #expect(refused.status == (field == "filename" ? 201 : 400), "\(field)")
    }

    @Test func `metadata names file, type, digest and track`() async throws {
        let sha = Hex.encode(SHA256.hash(data))
        let more = [("filetype", "audio/wav"), ("sha256", sha.uppercased()), ("trackId", "core-7"), ("other", "\u{1}")]
            .map { ",\($0.0) \(Base64.encode(Array($0.1.utf8)))" }.joined()
        let made = await files.tusPost([("Upload-Length", "150000"), FilesRig.metadata("ä.wav", more)])
        let row = try #require(try await files.row(made["X-Upload-Id"] ?? ""))
        #expect(row.filename == "ä.wav" && row.contentType == "audio/wav" && row.declaredSHA256 == sha)
        #expect(row.trackID.text == "core-7")
        #expect(await files.tusHead(row.id.text)["Upload-Metadata"] == FilesRig.metadata("ä.wav", more).1)
    }

    @Test func `other bytes than the declared digest are no upload`() async throws {
        let sha = Base64.encode(Array(Hex.encode(SHA256.hash("other")).utf8))
        let made = await files.tusPost(
            [("Upload-Length", "150000"), FilesRig.metadata("a.wav", ",sha256 \(sha)")], data)
        #expect(made.status == 422)
    }

    @Test func `too large is 413, and a declared name lowers the limit`() async {
        #expect(await files.tusPost([("Upload-Length", "104857601"), FilesRig.metadata("a.wav")]).status == 413)
        #expect(await files.tusPost([("Upload-Length", "104857601")]).status == 201)
        #expect(await files.tusPost([("Upload-Length", "524288001")]).status == 413)
        #expect(await files.tusPost([("Upload-Length", "104857601"), FilesRig.metadata("a.v2")]).status == 201)
    }

    @Test(arguments: ["a.exe", "Symphony No. 5", "Mix v1.2", "x.flac (1)", "page.html"])
    func `no name is rejected before its bytes`(_ name: String) async throws {
        let made = await files.tusPost([("Upload-Length", "150000"), FilesRig.metadata(name)])
        #expect(made.status == 201)
        let id = try #require(made["X-Upload-Id"])
        #expect(await files.tusPatch(id, 0, data).status == 204)
        #expect(try #require(try await files.row(id)).state == .verifying)
    }

    @Test func `bytes that contradict a type of ours are 415 within the first KiB, though the name says nothing`()
        async throws
    {
        let type = ",filetype \(Base64.encode(Array("audio/flac".utf8)))"
        let made = await files.tusPost([("Upload-Length", "150000"), FilesRig.metadata("Mix v1.2", type)])
        let id = try #require(made["X-Upload-Id"])
        #expect(await files.tusPatch(id, 0, Array(data[..<1024])).status == 415)
        #expect(try #require(try await files.row(id)).state == .failed)
    }

    @Test func `text that is named as music is 415 with its first bytes, and nothing of it stays`() async throws {
        let text = Array(String(repeating: "no music at all ", count: 5_000).utf8)
        let answer = await files.tusPost([("Upload-Length", "80000"), FilesRig.metadata("a.mp3")], text)
        #expect(answer.status == 415)
        #expect(try await files.rig.reserved() == 0 && files.rig.device.names.isEmpty)
    }

    @Test func `a body of another type is 415, and nothing was made`() async throws {
        let answer = await files.ask(
            .post, "/files", [FilesRig.tus, ("Upload-Length", "5"), ("Content-Type", "audio/wav")], Body(bytes: [1]))
        #expect(answer.status == 415)
        #expect(try await files.rig.reserved() == 0)
    }

    @Test func `nobody makes no upload`() async {
        let answer = await files.ask(.post, "/files", [FilesRig.tus, ("Upload-Length", "5")], user: nil)
        #expect(answer.status == 401 && answer["Tus-Resumable"] == "1.0.0")
    }
}
