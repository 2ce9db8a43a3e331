import Core
import Crypto
import Platform
import TestSupport
import Testing

/// What is acknowledged is on the disk; a disk that fails or is full takes nothing back and loses nothing.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct DurabilityTests {
    private let data: [UInt8]

    init() async throws { data = try Files.readWhole(try await SampleAudio.file("song.flac"), limit: 1 << 26) }

    @Test func `no acknowledgement leaves before its bytes and its record are durable`() async throws {
        try await ServerProcess.with { server in
            let watch = try await SystemCalls(of: server)
            var upload = try await TusUpload(of: data.count, on: server)
            // Few bytes, which travel in the journal, and more than it takes.
            for end in [1000, 2000, 40_000, 240_000, 440_000, data.count] {
                #expect(try await upload.send(Array(data[upload.offset..<end])).status == 204)
            }
            let chunks = try await ChunkedUpload(data, chunkSize: 262_144, on: server)
            for index in 0..<chunks.count { #expect(try await chunks.send(index).status == 201) }
            #expect(try await chunks.complete().status == 202)
            for size in [4096, data.count] {
                #expect(try await whole("/v1/uploads/simple?filename=a.flac", size, [], server).status == 202)
                let tus = [("Tus-Resumable", "1.0.0"), ("Upload-Length", String(size))]
                #expect(try await whole("/files", size, tus, server).status == 201)
                #expect(try await whole("/files", size, [("Upload-Complete", "?1")], server).status == 201)
            }
            let calls = try await watch.end()
            var disk = DiskState()
            for call in calls { disk.note(call) }
            #expect(disk.acknowledged >= 13 + chunks.count)
            #expect(disk.early == [])
            #expect(disk.syncs >= 13 + chunks.count)
        }
    }

    /// The first `size` bytes in one request.
    private func whole(
        _ path: String, _ size: Int, _ fields: [(String, String)], _ server: ServerProcess
    ) async throws -> Answer {
        let type = fields.first?.0 == "Tus-Resumable" ? "application/offset+octet-stream" : "audio/flac"
        return try await server.call("POST", path, .bytes(Array(data[..<size]), type: type), fields: fields)
    }

    @Test func `SLUICE_DURABILITY=fast syncs no upload, and says nothing else`() async throws {
        try await ServerProcess.with(["SLUICE_DURABILITY": "fast"]) { server in
            let watch = try await SystemCalls(of: server)
            var upload = try await TusUpload(of: data.count, on: server)
            for end in [1000, 240_000, 440_000] {
                #expect(try await upload.send(Array(data[upload.offset..<end])).status == 204)
            }
            var disk = DiskState()
            for call in try await watch.end() { disk.note(call) }
            #expect(disk.acknowledged >= 3 && disk.syncs == 0)
            // And the other test would have seen it.
            #expect(!disk.early.isEmpty)
            #expect(try await upload.send(Array(data[440_000...])).status == 204)
            let sum = try await server.call("GET", "/v1/uploads/\(upload.id)").data["sha256"]?.string
            #expect(sum == Hex.encode(SHA256.hash(data)))
        }
    }

    @Test func `a sync that fails fails its upload for good, and no other`() async throws {
        try await withTemporaryFolder { folder in
            let library = folder + "/failing_sync.so"
            try await Tool.must(
                "gcc", ["-shared", "-fPIC", "-o", library, Tool.root + "/Tests/Clients/failing_sync.c", "-ldl"])
            let flag = folder + "/fail"
            try await ServerProcess.with(["LD_PRELOAD": library, "FAILING_SYNC": flag]) { server in
                var upload = try await TusUpload(of: data.count, on: server)
                #expect(try await upload.send(Array(data[..<100_000])).status == 204)
                try Files.writeAtomically([], to: flag)
                let failed = try await upload.send(Array(data[100_000..<300_000]))
                #expect(failed.status == 500)
                #expect(!failed.text.contains("/"), "\(failed.text)")
                try Files.remove(flag)
                // The disk says that all is well again. What the kernel dropped meanwhile it does not say.
                #expect(try await upload.head().status == 410)
                #expect(try await upload.send(Array(data[100_000..<300_000])).status == 410)
                let state = try await server.call("GET", "/v1/uploads/\(upload.id)").data
                #expect(state["state"]?.string == "failed")

                var next = try await TusUpload(of: data.count, on: server)
                #expect(try await next.send(data).status == 204)
                #expect(try await server.settled(next.track)["state"]?.string == "ready")
            }
        }
    }

    @Test func `a creation whose sync fails leaves nothing`() async throws {
        try await withTemporaryFolder { folder in
            let library = folder + "/failing_sync.so"
            try await Tool.must(
                "gcc", ["-shared", "-fPIC", "-o", library, Tool.root + "/Tests/Clients/failing_sync.c", "-ldl"])
            let flag = folder + "/fail"
            try await ServerProcess.with(["LD_PRELOAD": library, "FAILING_SYNC": flag]) { server in
                try Files.writeAtomically([], to: flag)
                let made = try await server.call(
                    "POST", "/v1/uploads/simple?filename=a.flac", .bytes(Array(data[..<100_000])))
                #expect(made.status == 500)
                try Files.remove(flag)
                let spool = server.data + "/spool"
                let left = try Files.list(spool).flatMap { try Files.list("\(spool)/\($0)") }
                #expect(left == [])
            }
        }
    }

    @Test(.enabled(if: Tool.isRoot, "a small disk can be mounted by root alone"))
    func `a full disk refuses what is new, keeps what is there, and takes it up again`() async throws {
        try await withTemporaryFolder { folder in
            let disk = folder + "/disk"
            try Files.makeFolder(disk)
            try await Tool.must("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk])
            do {
                try await fill(disk)
                // Lazily: a child of another test that is just being started may hold it for a moment.
                try await Tool.must("umount", ["-l", disk])
            } catch {
                // What the test threw says more than a disk that stays mounted.
                _ = try? await Tool.run("umount", ["-l", disk])
                throw error
            }
        }
    }

    private func fill(_ disk: String) async throws {
        let server = try await ServerProcess.start(data: disk)
        do {
            let large = try await server.call(
                "POST", "/files", fields: [("Tus-Resumable", "1.0.0"), ("Upload-Length", String(40 << 20))])
            #expect(large.status == 507, "\(large)")
            var upload = try await TusUpload(of: data.count, on: server)
            #expect(try await upload.send(Array(data[..<100_000])).status == 204)

            try Self.takeTheRest(of: disk)
            let refused = try await upload.send(Array(data[100_000...]))
            #expect(refused.status == 507, "\(refused)")
            #expect(!refused.text.contains("/"), "\(refused.text)")
            let kept = try await upload.head()
            #expect(kept.status == 200 && Int(kept["Upload-Offset"] ?? "") ?? 0 >= 100_000, "\(kept)")

            try Files.remove(disk + "/filler")
            upload.offset = Int(kept["Upload-Offset"] ?? "") ?? 0
            let rest = try await upload.send(Array(data[upload.offset...]))
            #expect(rest.status == 204, "\(rest)")
            let sum = try await server.call("GET", "/v1/uploads/\(upload.id)").data["sha256"]?.string
            #expect(sum == Hex.encode(SHA256.hash(data)))
            #expect(await server.terminate() == .exited(0))
        } catch {
            await server.kill()
            throw TestTrouble("\(error)\n\(server.lines.tail)")
        }
    }

    /// As somebody else may who uses the same disk.
    private static func takeTheRest(of disk: String) throws {
        let filler = try FileDescriptor.creating(disk + "/filler")
        let block = [UInt8](repeating: 7, count: 1 << 16)
        var end: Int64 = 0
        // Until there is no room.
        while let _ = try? filler.write(block, at: end) { end += Int64(block.count) }
    }
}
