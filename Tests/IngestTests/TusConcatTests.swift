import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// tus, extension concatenation: pieces sent apart become one upload, which copies none of them.
@Suite(.timeLimit(.minutes(5))) struct TusConcatTests {
    private let files: FilesRig
    private let data = wav(150_000)

    init() throws { files = try FilesRig() }

    private func part(_ range: Range<Int>, sent: Int? = nil) async -> String {
        let made = await files.tusPost([("Upload-Length", String(range.count)), ("Upload-Concat", "partial")])
        let id = made["X-Upload-Id"] ?? ""
        let end = range.lowerBound + (sent ?? range.count)
        _ = await files.tusPatch(id, 0, Array(data[range.lowerBound..<end]))
        return id
    }

    private func final(_ parts: [String], _ more: [(String, String)] = []) async -> Response {
        let urls = parts.map { "http://here/files/\($0)" }.joined(separator: " ")
        return await files.tusPost([("Upload-Concat", "final;\(urls)"), FilesRig.metadata("a.wav")] + more)
    }

    private func gathered(_ id: String) async throws -> UploadRow {
        try await files.rig.service.gather(try #require(try await files.row(id)))
    }

    @Test func `pieces become the file, and are not copied for it`() async throws {
        let parts = [await part(0..<60_000), await part(60_000..<60_500), await part(60_500..<150_000)]
        #expect(await files.tusHead(parts[0])["Upload-Concat"] == "partial")
        files.rig.device.clearOperations()
        let made = await final(parts)
        #expect(made.status == 201)
        #expect(!files.rig.device.operations.contains("write data"))
        let id = try #require(made["X-Upload-Id"])
        let asked = await files.tusHead(id)
        #expect(asked["Upload-Offset"] == "150000" && asked["Upload-Length"] == "150000")
        #expect(asked["Upload-Concat"]?.hasPrefix("final;http://here/files/") == true)
        let row = try #require(try await files.row(id))
        #expect(row.state == .verifying && row.sha256 == nil)
        #expect(try await files.rig.jobs() == 1)
        #expect(try await gathered(id).sha256 == Hex.encode(SHA256.hash(data)))
        #expect(try await gathered(id).sha256 == Hex.encode(SHA256.hash(data)))
        #expect(!files.rig.device.names.contains { $0.contains(".part") })
    }

    @Test func `pieces may be deleted once they are joined`() async throws {
        let parts = [await part(0..<60_000), await part(60_000..<150_000)]
        let id = try #require(await final(parts)["X-Upload-Id"])
        for part in parts { #expect(await files.ask(.delete, "/files/\(part)", [FilesRig.tus]).status == 204) }
        #expect(try await gathered(id).sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test func `what is joined survives the power cut that follows`() async throws {
        let id = try #require(
            await final([await part(0..<60_000), await part(60_000..<60_500), await part(60_500..<150_000)])[
                "X-Upload-Id"])
        for seed in 0..<20 {
            var random = TestRandom(seed)
            let again = try files.rig.restarted(with: files.rig.device.afterPowerCut(&random))
            _ = try await again.service.recover()
            let joined = try #require(try again.spoolSum(id))
            #expect(joined == SHA256.hash(data))
        }
    }

    @Test func `a final may be made before its pieces are whole`() async throws {
        let parts = [await part(0..<60_000), await part(60_000..<150_000, sent: 10)]
        let made = await final(parts)
        let id = try #require(made["X-Upload-Id"])
        #expect(made.status == 201)
        let early = await files.tusHead(id)
        #expect(early.status == 200 && early["Upload-Offset"] == nil && early["Upload-Length"] == "150000")
        #expect(await files.tusPatch(parts[1], 10, Array(data[60_010...])).status == 204)
        #expect(await files.tusHead(id)["Upload-Offset"] == "150000")
        #expect(try await gathered(id).sha256 == Hex.encode(SHA256.hash(data)))
        #expect(try await files.rig.jobs() == 1)
    }

    @Test func `a crash between the last piece and its final is mended`() async throws {
        let parts = [await part(0..<60_000), await part(60_000..<150_000, sent: 10)]
        let id = try #require(await final(parts)["X-Upload-Id"])
        // The part's bytes and their seal are durable, and the server died before it looked for who waits for them.
        let row = try #require(try await files.row(parts[1]))
        _ = try await files.rig.service.withReception(row) { reception in
            _ = try await reception.receive(
                10..<90_000, from: TestSource(Array(data[60_010...])), counting: .whole(nil), sealing: [])
        }
        let again = FilesRig(try files.rig.restarted())
        _ = try await again.rig.service.recover()
        #expect(try await again.row(id)?.state == .verifying)
    }

    @Test func `a final takes no bytes and no length`() async throws {
        let parts = [await part(0..<60_000), await part(60_000..<150_000, sent: 10)]
        let id = try #require(await final(parts)["X-Upload-Id"])
        #expect(await files.tusPatch(id, 0, [1]).status == 403)
        #expect(await final(parts, [("Upload-Length", "150000")]).status == 400)
    }

    @Test func `a final of what is no piece is refused`() async throws {
        let whole = await files.tusNew(1000)
        #expect(await final([whole]).status == 400)
        #expect(await final(["up_nothing"]).status == 404)
        for field in ["final;", "final", "partial;", "", "final;/files/../x y"] {
            let answer = await files.tusPost([("Upload-Concat", field), ("Upload-Length", "5")])
            #expect(answer.status == 400, "\(field)")
        }
        let gone = await part(0..<10)
        _ = await files.ask(.delete, "/files/\(gone)", [FilesRig.tus])
        #expect(await final([gone]).status == 410)
        let stranger = await files.ask(
            .post, "/files", [FilesRig.tus, ("Upload-Concat", "final;/files/\(await part(0..<10))")], user: "stranger")
        #expect(stranger.status == 404)
    }

    @Test func `pieces are no tracks, and tell nobody`() async throws {
        let made = await files.tusPost([("Upload-Length", "10"), ("Upload-Concat", "partial")])
        #expect(made["X-Track-Id"] == nil)
        let row = try #require(try await files.row(made["X-Upload-Id"] ?? ""))
        #expect(try await files.rig.track(row) == nil)
        _ = await files.ask(.delete, "/files/\(row.id)", [FilesRig.tus])
        #expect(try await files.rig.events() == [])
    }

    @Test func `joined bytes of no music are 415, and fail that upload alone`() async throws {
        let text = Array(String(repeating: "no music at all ", count: 100).utf8)
        let made = await files.tusPost([("Upload-Length", String(text.count)), ("Upload-Concat", "partial")], text)
        let part = try #require(made["X-Upload-Id"])
        let answer = await final([part])
        #expect(answer.status == 415)
        #expect(await files.tusHead(part)["Upload-Offset"] == String(text.count))
        #expect(try await files.rig.jobs() == 0)
    }

    @Test func `a part from the middle of a file is not judged by the name of the whole`() async throws {
        let made = await files.tusPost(
            [("Upload-Length", "60000"), ("Upload-Concat", "partial"), FilesRig.metadata("a.wav")],
            Array(data[60_000..<120_000]))
        #expect(made.status == 201)
        #expect(await files.tusHead(try #require(made["X-Upload-Id"]))["Upload-Offset"] == "60000")
    }

    @Test func `another digest than was declared is found when the bytes are read`() async throws {
        let sha = Base64.encode(Array(Hex.encode(SHA256.hash("other")).utf8))
        let urls = "/files/\(await part(0..<60_000)) /files/\(await part(60_000..<150_000))"
        let made = await files.tusPost([
            ("Upload-Concat", "final;\(urls)"), FilesRig.metadata("a.wav", ",sha256 \(sha)"),
        ])
        let id = try #require(made["X-Upload-Id"])
        await #expect(throws: IngestFailure.self) { _ = try await gathered(id) }
    }
}

extension ServiceRig {
    /// SHA-256 of what was joined, read from the disk.
    func spoolSum(_ id: String) throws -> [UInt8]? {
        guard let id = UploadID(id), var bytes = DiskSpool(device: device, durability: .full).joined(id) else {
            return nil
        }
        var sha = SHA256()
        while true {
            let piece = try bytes.read(upTo: 10_000)
            if piece.isEmpty { return sha.finish() }
            sha.update(piece)
        }
    }
}
