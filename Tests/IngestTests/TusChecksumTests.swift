import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// tus, extension checksum: bytes count only once theirs matched.
@Suite(.timeLimit(.minutes(5))) struct TusChecksumTests {
    private let files: FilesRig
    private let data = wav(150_000)

    init() throws { files = try FilesRig() }

    private func checksum(_ algorithm: String, of bytes: [UInt8]) -> String {
        var running = RunningChecksum(Checksum.Algorithm(rawValue: algorithm) ?? .sha1)
        running.update(bytes)
        return "\(algorithm) \(Base64.encode(running.digest))"
    }

    /// Digests of "abc", by the standards that define them.
    @Test(arguments: [
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"), ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), ("crc32c", "364b3fb7"),
    ])
    func `every algorithm is the one of its name`(_ name: String, _ digest: String) throws {
        var running = RunningChecksum(try #require(Checksum.Algorithm(rawValue: name)))
        running.update(Array("a".utf8))
        running.update(Array("bc".utf8))
        #expect(Hex.encode(running.digest) == digest)
    }

    @Test(arguments: ["sha1", "sha256", "md5", "crc32c"])
    func `bytes that match count`(_ algorithm: String) async throws {
        let id = await files.tusNew(150_000)
        let piece = Array(data[..<70_000])
        let answer = await files.tusPatch(id, 0, piece, [("Upload-Checksum", checksum(algorithm, of: piece))])
        #expect(answer.status == 204 && answer["Upload-Offset"] == "70000")
    }

    @Test(arguments: ["sha1", "sha256", "md5", "crc32c"])
    func `bytes that do not match are 460, and none of them counts`(_ algorithm: String) async throws {
        let id = await files.tusNew(150_000)
        let piece = Array(data[..<70_000])
        let wrong = ("Upload-Checksum", checksum(algorithm, of: Array(data[..<69_999])))
        #expect(await files.tusPatch(id, 0, piece, [wrong]).status == 460)
        #expect(await files.tusHead(id)["Upload-Offset"] == "0")
        #expect(await files.tusPatch(id, 0, data).status == 204)
        #expect(try await files.row(id)?.sha256 == Hex.encode(SHA256.hash(data)))
    }

    @Test(arguments: [
        "sha512 \(Base64.encode([UInt8](repeating: 1, count: 64)))", "sha1", "sha1 ", "sha1 YQ==", "SHA1 YQ==", "",
        "sha1  qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0",
    ])
    func `what is no checksum of ours is 400`(_ field: String) async {
        let id = await files.tusNew(150_000)
        #expect(await files.tusPatch(id, 0, [1], [("Upload-Checksum", field)]).status == 400)
        #expect(await files.tusHead(id)["Upload-Offset"] == "0")
    }

    private func chunked(_ id: String, _ bytes: [UInt8], trailers: [(String, String)]) async -> Response {
        await files.ask(
            .patch, "/files/\(id)",
            [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0"), ("Trailer", "X-Other, Upload-Checksum")],
            .chunked(TestSource(bytes, piece: 10_000), trailers: trailers))
    }

    @Test func `a checksum may follow its bytes`() async throws {
        let piece = Array(data[..<70_000])
        let id = await files.tusNew(150_000)
        let wrong = await chunked(id, piece, trailers: [("Upload-Checksum", checksum("md5", of: [1]))])
        #expect(wrong.status == 460)
        #expect(await files.tusHead(id)["Upload-Offset"] == "0")
        let absent = await chunked(id, piece, trailers: [])
        #expect(absent.status == 400)
        #expect(await files.tusHead(id)["Upload-Offset"] == "0")
        let right = await chunked(id, piece, trailers: [("Upload-Checksum", checksum("sha1", of: piece))])
        #expect(right.status == 204 && right["Upload-Offset"] == "70000")
    }

    @Test func `a creation's bytes are checked too, and nothing stays of others`() async throws {
        let wrong = await files.tusPost(
            [("Upload-Length", "150000"), FilesRig.metadata("a.wav"), ("Upload-Checksum", checksum("sha1", of: [1]))],
            data)
        #expect(wrong.status == 460)
        #expect(files.rig.device.names.isEmpty)
        #expect(try await files.rig.reserved() == 0)
        let right = await files.tusPost(
            [("Upload-Length", "150000"), FilesRig.metadata("a.wav"), ("Upload-Checksum", checksum("sha1", of: data))],
            data)
        #expect(right.status == 201)
    }
}
