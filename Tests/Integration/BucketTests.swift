import Core
import Platform
import Storage
import TestSupport
import Testing

/// The whole path with blobs in a bucket: through the release program, on two servers that have nothing in common but the
/// protocol.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct BucketTests {
    static func settings(_ store: S3TestServer, _ bucket: String, port: Int? = nil) -> [String: String] {
        [
            "SLUICE_STORE": "s3://\(bucket)/music", "SLUICE_S3_ENDPOINT": "http://127.0.0.1:\(port ?? store.port)",
            "AWS_ACCESS_KEY_ID": store.credentials.accessKey, "AWS_SECRET_ACCESS_KEY": store.credentials.secret,
        ]
    }

    private func expectHeard(_ track: String, of source: String, on server: ServerProcess) async throws -> String {
        let state = try await server.settled(track)
        try #require(state["state"]?.string == "ready", "\(state.text)")
        let link = try await server.playback(track)
        let heard = try await HeardTrack(fetching: link, from: server)
        #expect(Int((heard.seconds * 44_100).rounded()) == (try await SampleAudio.frames(source)))
        return link
    }

    @Test(arguments: S3TestServer.Kind.allCases)
    func `what was uploaded is stored there, heard from there, and the ledger agrees`(kind: S3TestServer.Kind)
        async throws
    {
        let source = try await SampleAudio.file("song.flac")
        let s3 = try await S3TestServer.shared(kind)
        let bucket = try await s3.bucket()
        let settings = Self.settings(s3, bucket)
        try await ServerProcess.with(settings) { server in
            let track = try await server.uploadSimple(source)
            _ = try await expectHeard(track, of: source, on: server)
            let keys = try await s3.store(bucket, prefix: "music").list(prefix: "", after: nil, limit: 1000).map(
                \.key.path)
            #expect(keys.filter { $0.hasPrefix("tracks/") && $0.hasSuffix(".flac") }.count == 1, "\(keys)")
            #expect(keys.contains { $0.hasPrefix("hls/\(track)/gen_") && $0.hasSuffix("/00000.m4s") })
            #expect(!Files.exists(server.data + "/blobs/objects"), "nothing of it lies here")
            func verify(_ arguments: String...) async throws -> Tool.Result {
                try await Tool.run(
                    ServerProcess.program, ["verify"] + arguments,
                    environment: ServerProcess.settings(server.data).merging(settings) { $1 })
            }
            let agreed = try await verify()
            #expect(agreed.end == .exited(0), "\(agreed.text) \(agreed.error)")
            let orphan = try #require(BlobKey("hls/\(track)/gen_lost/aac-128/00000.m4s"))
            try await s3.store(bucket, prefix: "music").put([1, 2, 3], at: orphan)
            let found = try await verify()
            #expect(found.end == .exited(1) && found.text.contains("orphan  \(orphan)"), "\(found.text)")
            #expect(try await verify("--repair").end == .exited(2), "nobody can be asked here")
            let repaired = try await verify("--repair", "--yes")
            #expect(repaired.end == .exited(0) && repaired.text.contains("deleted  1 files"), "\(repaired.text)")
            #expect(try await verify().end == .exited(0))
            _ = try await expectHeard(track, of: source, on: server)
            #expect(try await server.call("GET", "/readyz").json["data"]?["checks"]?["store"]?["kind"] == "s3")
        }
    }

    @Test func `players go on from the cache while the store is away, and over a restart`() async throws {
        let source = try await SampleAudio.file("song.flac")
        let s3 = try await S3TestServer(.moto)
        let settings = Self.settings(s3, try await s3.bucket())
        try await withTemporaryFolder { folder in
            let first = try await ServerProcess.start(data: folder, settings: settings)
            let track = try await first.uploadSimple(source)
            let link = try await expectHeard(track, of: source, on: first)
            let path = link.replacing(first.base, with: "")
            s3.freeze()
            let away = try await first.ask("/readyz") { $0.status == 503 }
            #expect(away.json["data"]?["checks"]?["store"]?["status"] == "down", "\(away)")
            #expect(try await first.call("GET", "/readyz?role=ingest").status == 200, "uploads wait in the spool")
            #expect(try await HeardTrack(fetching: link, from: first).segments.count > 0)
            #expect(await first.terminate() == .exited(0))
            let second = try await ServerProcess.start(data: folder, settings: settings)
            #expect(try await HeardTrack(fetching: second.base + path, from: second).segments.count > 0)
            s3.thaw()
            _ = try await second.ask("/readyz") { $0.status == 200 }
            #expect(await second.terminate() == .exited(0))
        }
        await s3.kill()
    }

    @Test func `a store that is killed or frozen in the middle of an upload costs nothing but time`() async throws {
        let s3 = try await S3TestServer(.openStack)
        let bucket = try await s3.bucket()
        let (hits, hit) = AsyncStream.makeStream(of: Void.self)
        let first = FirstOnce()
        let proxy = try FaultProxy(before: s3.port) { request in
            if request.isPart, first.isFirst("part") {
                s3.killNow()
                hit.yield()
            } else if request.target.contains("/hls/"), request.method == "PUT", first.isFirst("hls") {
                s3.freeze()
                hit.yield()
            }
            return .none
        }
        try await withTemporaryFolder { folder in
            let source = try await Self.large(in: folder)
            try await ServerProcess.with(Self.settings(s3, bucket, port: proxy.port)) { server in
                let track = try await server.uploadSimple(source)
                var moments = hits.makeAsyncIterator()
                _ = await moments.next()
                await s3.kill()
                try await s3.start()
                _ = await moments.next()
                _ = try await server.ask("/readyz") { $0.status == 503 }
                s3.thaw()
                let state = try await server.settled(track)
                #expect(state["state"]?.string == "ready", "\(state.text)")
                let store = try s3.store(bucket, prefix: "music")
                #expect(try await store.sweepMultiparts(named: .zero, unnamed: .zero) == 0, "no part is left over")
                // 62 MB came in and went out, twice in part: nothing held them whole.
                let peak = try Self.peakKilobytes(server)
                #expect(peak < 56 << 10, "\(peak) KiB")
            }
        }
        await s3.kill()
    }

    /// 62 MB in 54 s.
    private static func large(in folder: String) async throws -> String {
        let path = folder + "/large.wav"
        try await Tool.must(
            "ffmpeg",
            [
                "-v", "error", "-f", "lavfi", "-i", "sine=frequency=220:sample_rate=192000:duration=54", "-ac", "2",
                "-c:a", "pcm_s24le", path,
            ])
        return path
    }

    private static func peakKilobytes(_ server: ServerProcess) throws -> Int {
        let status = try String(
            decoding: Files.readWhole("/proc/\(server.process.pid)/status", limit: 65_536), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? .max
    }
}
