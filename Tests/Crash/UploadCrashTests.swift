import Core
import Crypto
import HTTPServer
import Platform
import TestSupport
import Testing

/// Resumable uploads over `kill -9` and over clients that hang: nothing acknowledged is lost, and nobody waits for the dead.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct UploadCrashTests {
    private let data: [UInt8]

    init() async throws { data = try Files.readWhole(try await SampleAudio.file("song-24.flac"), limit: 1 << 26) }

    /// The head of a request that appends `count` bytes.
    private func head(_ upload: TusUpload, _ count: Int) -> String {
        """
        PATCH /files/\(upload.id) HTTP/1.1\r
        Host: \(upload.server.base.dropFirst("http://".count))\r
        Authorization: Bearer \(TestToken.access(secret: ServerProcess.secret))\r
        Tus-Resumable: 1.0.0\r
        Content-Type: application/offset+octet-stream\r
        Upload-Offset: \(upload.offset)\r
        Content-Length: \(count)\r
        \r

        """
    }

    @Test func `a client resumes over ten kills in the middle of its bodies, at the same process id`() async throws {
        try await withTemporaryFolder { folder in
            // Each start is the first process of its own namespace: what went by process ids would take the dead for itself.
            let launcher = Tool.isRoot ? ["unshare", "--pid", "--fork", "--kill-child"] : []
            var server = try await ServerProcess.start(data: folder, launcher: launcher)
            var upload = try await TusUpload(of: data.count, named: "song-24.flac", on: server)
            let step = data.count / 14
            for round in 0..<10 {
                // One piece whole, and of the next a part that no answer follows.
                #expect(try await upload.send(Array(data[upload.offset..<upload.offset + step])).status == 204)
                let wire = try HTTPWire(String(server.base.dropFirst("http://".count)))
                let part = Array(data[upload.offset..<upload.offset + step / 2 + round])
                try await wire.send(Array(head(upload, step).utf8) + part)
                await server.kill()
                // The kernel ends the namespace after its launcher; whoever has the folder's lock then is the next.
                try await Tool.must("flock", [folder + "/lock", "true"])
                server = try await ServerProcess.start(data: folder, launcher: launcher)
                upload.server = server
                let asked = try await upload.head()
                let offset = try #require(asked["Upload-Offset"].flatMap { Int($0) }, "\(asked)")
                #expect(offset >= upload.offset && offset <= upload.offset + part.count)
                upload.offset = offset
            }
            #expect(try await upload.send(Array(data[upload.offset...])).status == 204)
            let state = try await server.call("GET", "/v1/uploads/\(upload.id)").data
            #expect(state["sha256"]?.string == Hex.encode(SHA256.hash(data)))
            #expect(try await server.settled(upload.track)["state"]?.string == "ready")
            await server.kill()
        }
    }

    @Test func `a client that hangs in the middle of a body is ended by the next`() async throws {
        try await ServerProcess.with { server in
            var upload = try await TusUpload(of: data.count, named: "song-24.flac", on: server)
            let address = String(server.base.dropFirst("http://".count))
            // Its peer is gone and says nothing: no end, no reset.
            let hung = try HTTPWire(address)
            try await hung.send(Array(head(upload, data.count).utf8) + data[..<300_000])
            let asked = try await upload.head()
            let offset = try #require(asked["Upload-Offset"].flatMap { Int($0) })
            #expect(offset <= 300_000)
            #expect(try await hung.answer().status >= 400)

            // The next hangs half closed, and the rest goes by a third.
            upload.offset = offset
            let half = try HTTPWire(address)
            try await half.send(Array(head(upload, data.count - offset).utf8) + data[offset..<offset + 100_000])
            half.finish()
            _ = try await half.answer()
            let rest = try await upload.head()
            upload.offset = try #require(rest["Upload-Offset"].flatMap { Int($0) })
            #expect(upload.offset >= offset)
            #expect(try await upload.send(Array(data[upload.offset...])).status == 204)
            #expect(try await server.settled(upload.track)["state"]?.string == "ready")
        }
    }

    @Test func `what came whole before the kill is complete after it, though nobody asks`() async throws {
        try await withTemporaryFolder { folder in
            let first = try await ServerProcess.start(data: folder)
            var upload = try await TusUpload(of: data.count, named: "song-24.flac", on: first)
            #expect(try await upload.send(data).status == 204)
            await first.kill()
            let second = try await ServerProcess.start(data: folder)
            #expect(try await second.settled(upload.track)["state"]?.string == "ready")
            #expect(await second.terminate() == .exited(0))
        }
    }
}
