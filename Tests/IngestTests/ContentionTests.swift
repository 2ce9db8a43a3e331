import Core
import Crypto
import HTTPServer
import Ledger
import Testing

@testable import Ingest

/// Many requests for one upload at once: what is acknowledged stays true, whoever wins.
@Suite(.timeLimit(.minutes(5))) struct ContentionTests {
    private let data = wav(150_000)

    /// A client that asks where the upload is and sends from there, until it is whole or gone.
    private func client(_ seed: Int, _ id: String, _ files: FilesRig) async {
        var random = TestRandom(seed)
        var said = 0
        while true {
            let head = await files.tusHead(id)
            guard head.status == 200, let offset = head["Upload-Offset"].flatMap({ Int($0) }) else {
                #expect(head.status == 410)
                return
            }
            #expect(offset >= said, "an acknowledged offset was taken back")
            said = offset
            if offset == data.count { return }
            let end = min(data.count, offset + Int.random(in: 1...20_000, using: &random))
            let ending: TestSource.End = Int.random(in: 0..<4, using: &random) == 0 ? .cut : .whole
            let answer = await files.ask(
                .patch, "/files/\(id)", [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", String(offset))],
                .chunked(TestSource(Array(data[offset..<end]), piece: 3_000, end: ending)))
            // Ended by another, cut, or too late; never a failure of the server.
            #expect([204, 400, 409, 410, 413].contains(answer.status), "\(answer.status)")
            if answer.status == 204, let offset = answer["Upload-Offset"].flatMap({ Int($0) }) {
                #expect(offset >= said)
                said = offset
            }
        }
    }

    @Test func `a hundred clients of one upload make one file`() async throws {
        let files = try FilesRig()
        let id = await files.tusNew(data.count)
        await withTaskGroup(of: Void.self) { group in
            for seed in 0..<100 { group.addTask { await client(seed, id, files) } }
        }
        let row = try #require(try await files.row(id))
        #expect(row.state == .verifying && row.sha256 == Hex.encode(SHA256.hash(data)))
        #expect(try await files.rig.jobs() == 1)
    }

    @Test func `of a hundred that write, ask and delete, the end is one`() async throws {
        for round in 0..<5 {
            let files = try FilesRig()
            let id = await files.tusNew(data.count)
            await withTaskGroup(of: Void.self) { group in
                for seed in 0..<100 {
                    group.addTask {
                        if seed % 33 == 32 {
                            let answer = await files.ask(.delete, "/files/\(id)", [FilesRig.tus])
                            // Deleted, gone, or complete before.
                            #expect([204, 410, 409].contains(answer.status), "\(answer.status)")
                        } else {
                            await client(round * 100 + seed, id, files)
                        }
                    }
                }
            }
            let row = try #require(try await files.row(id))
            switch row.state {
            case .cancelled:
                #expect(files.rig.device.names.isEmpty)
                #expect(try await files.rig.reserved() == 0)
                #expect(try await files.rig.jobs() == 0)
                #expect(try await files.rig.events() == [.uploadCancelled])
            case .verifying:
                #expect(row.sha256 == Hex.encode(SHA256.hash(data)))
                #expect(try await files.rig.jobs() == 1)
            default: Issue.record("it ended as \(row.state)")
            }
        }
    }

    /// Random pieces, cuts, repeats and restarts over power cuts, against a client that believes what it was told.
    @Test func `whatever is cut, what was acknowledged is there and the file is whole`() async throws {
        for seed in 0..<25 {
            var random = TestRandom(1_000 + seed)
            var files = try FilesRig()
            let isDeferred = Bool.random(using: &random)
            let length = isDeferred ? ("Upload-Defer-Length", "1") : ("Upload-Length", String(data.count))
            let id = await files.tusPost([length, FilesRig.metadata("a.wav")])["X-Upload-Id"] ?? ""
            var said = 0
            for _ in 0..<200 {
                let head = await files.tusHead(id)
                let offset = try #require(head["Upload-Offset"].flatMap { Int($0) }, "\(head.status), seed \(seed)")
                #expect(offset >= said, "seed \(seed)")
                if offset == data.count { break }
                said = offset
                let end = min(data.count, offset + Int.random(in: 0...40_000, using: &random))
                var bytes = Array(data[offset..<end])
                var fields = [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", String(offset))]
                if isDeferred, end == data.count { fields.append(("Upload-Length", String(data.count))) }
                switch Int.random(in: 0..<6, using: &random) {
                case 0:
                    // Spoiled on the way, and its checksum says so.
                    fields.append(("Upload-Checksum", "sha256 \(Base64.encode(SHA256.hash(bytes)))"))
                    if !bytes.isEmpty { bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 }
                    let answer = await files.ask(.patch, "/files/\(id)", fields, Body(bytes: bytes))
                    #expect(answer.status == (bytes.isEmpty ? 204 : 460), "seed \(seed)")
                case 1:
                    let cut = TestSource(Array(bytes.prefix(bytes.count / 2)), piece: 5_000, end: .cut)
                    let answer = await files.ask(.patch, "/files/\(id)", fields, .chunked(cut))
                    #expect(answer.status == 400)
                case 2 where offset > 0:
                    // An answer was lost, so the same is sent again.
                    let again = [FilesRig.tus, FilesRig.bytes, ("Upload-Offset", "0")]
                    #expect(await files.ask(.patch, "/files/\(id)", again, Body(bytes: bytes)).status == 409)
                case 3:
                    files = FilesRig(try files.rig.restarted(with: files.rig.device.afterPowerCut(&random)))
                    _ = try await files.rig.service.recover()
                default:
                    let answer = await files.ask(.patch, "/files/\(id)", fields, Body(bytes: bytes))
                    #expect(answer.status == 204, "seed \(seed)")
                    said = end
                }
            }
            let row = try #require(try await files.row(id))
            #expect(row.sha256 == Hex.encode(SHA256.hash(data)), "seed \(seed)")
        }
    }

    @Test func `whoever follows reads every byte once it is durable, and the end`() async throws {
        let files = try FilesRig()
        let id = await files.tusNew(data.count)
        let upload = try #require(UploadID(id))
        let frontier = try #require(try await files.rig.service.follow(upload))
        async let reader: [Int64] = {
            var seen: [Int64] = []
            while !frontier.isSealed {
                try await frontier.wait(past: seen.last ?? 0)
                seen.append(frontier.durable)
            }
            return seen
        }()
        for first in stride(from: 0, to: data.count, by: 10_000) {
            #expect(await files.tusPatch(id, first, Array(data[first..<first + 10_000])).status == 204)
        }
        let seen = try await reader
        #expect(seen == seen.sorted() && seen.last == Int64(data.count))
    }
}
