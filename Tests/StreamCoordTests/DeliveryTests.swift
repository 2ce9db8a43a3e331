import Core
import HTTPServer
import Ledger
import Storage
import TestSupport
import Testing

@testable import StreamCoord

@Suite(.timeLimit(.minutes(5))) struct `The delivery` {
    @Test func `hands out segments to keep for a day, as audio`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let answer = await rig.get(rig.part("trk_a", token: rig.token("trk_a")))
            #expect(answer.status == 200)
            #expect(try answer.bytes == StreamRig.segment)
            #expect(answer["content-type"] == "audio/mp4")
            #expect(answer["cache-control"] == "public, max-age=86400, immutable")
            #expect(answer["etag"]?.hasPrefix("\"") == true)
            #expect(answer["access-control-allow-origin"] == nil, "the layer outside adds it")
        }
    }

    @Test func `hands out the live generation's playlist to keep for a minute`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let answer = await rig.get("/stream/\(rig.token("trk_a"))/trk_a/index.m3u8")
            #expect(answer.status == 200)
            #expect(try answer.bytes == StreamRig.playlist("gen_1"))
            #expect(answer["content-type"] == "application/vnd.apple.mpegurl")
            #expect(answer["cache-control"] == "max-age=60")
            let media = await rig.get("/stream/\(rig.token("trk_a"))/trk_a/gen_1/aac-128/index.m3u8")
            #expect(media["cache-control"] == "public, max-age=86400, immutable")
        }
    }

    @Test func `answers ranges and conditions`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let path = rig.part("trk_a", token: rig.token("trk_a"))
            let tag = try #require(await rig.get(path)["etag"])
            let part = await rig.get(path, [("Range", "bytes=10-19")])
            #expect(part.status == 206)
            #expect(part["content-range"] == "bytes 10-19/4000")
            #expect(try part.bytes == Array(StreamRig.segment[10..<20]))
            let beyond = await rig.get(path, [("Range", "bytes=4000-")])
            #expect(beyond.status == 416)
            #expect(beyond["content-range"] == "bytes */4000")
            #expect(await rig.get(path, [("If-None-Match", "\"x\", W/\(tag)")]).status == 304)
            #expect(await rig.get(path, [("Range", "bytes=0-1"), ("If-Range", "\"x\"")]).status == 200)
        }
    }

    @Test func `compresses playlists for those who ask, and nothing else`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let token = rig.token("trk_a")
            let path = "/stream/\(token)/trk_a/index.m3u8"
            let packed = await rig.get(path, [("Accept-Encoding", "br, gzip")])
            #expect(packed["content-encoding"] == "gzip")
            #expect(packed["vary"] == "Accept-Encoding")
            #expect(try packed.bytes.prefix(2) == [0x1F, 0x8B])
            let plain = await rig.get(path, [("Accept-Encoding", "gzip;q=0, *")])
            #expect(plain["content-encoding"] == nil)
            #expect(plain["vary"] == "Accept-Encoding")
            #expect(plain["etag"] != packed["etag"])
            let tag = try #require(packed["etag"])
            let again = await rig.get(path, [("Accept-Encoding", "gzip"), ("If-None-Match", tag)])
            #expect(again.status == 304)
            let segment = await rig.get(rig.part("trk_a", token: token), [("Accept-Encoding", "gzip")])
            #expect(segment["content-encoding"] == nil)
        }
    }

    @Test func `knows nothing of what is not there`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let base = "/stream/\(rig.token("trk_a"))/trk_a"
            for path in [
                "/lossless.m3u8", "/gen_2/aac-128/00000.m4s", "/gen_1/none/00000.m4s", "/gen_1/aac-128/00001.m4s",
                "/gen_1/aac-128/00000.exe", "/gen_1/../index.m3u8", "/gen_1/%2e%2e/index.m3u8", "/index", "/.m3u8",
                "/gen_1/..%2f..%2ftrk_b/index.m3u8", "/..%2ftrk_a%2findex.m3u8", "/gen_1/aac-128/%2e%2e%2findex.m3u8",
            ] {
                #expect([400, 404].contains(await rig.get(base + path).status), "\(path)")
            }
            #expect(await rig.get("/stream/\(rig.token("trk_none"))/trk_none/index.m3u8").status == 404)
        }
    }

    @Test func `lets everybody hear public tracks, and nobody private ones`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_p", visibility: .public)
            try await rig.publish("trk_a", generation: "gen_2")
            #expect(await rig.get(rig.part("trk_p", token: "public")).status == 200)
            #expect(await rig.get("/stream/public/trk_p/index.m3u8").status == 200)
            #expect(await rig.get("/stream/public/trk_a/index.m3u8").status == 404)
            #expect(await rig.get(rig.part("trk_p", token: rig.token("trk_p"))).status == 200)
        }
    }

    @Test func `is silent until the track's time has come`() async throws {
        try await StreamRig.run { rig in
            let moment = rig.time.now + .seconds(60)
            try await rig.publish("trk_a", visibility: .public, publishAt: moment)
            let path = rig.part("trk_a", token: rig.token("trk_a"))
            #expect(await rig.get(path).status == 404)
            #expect(await rig.get("/stream/public/trk_a/index.m3u8").status == 404)
            rig.time.advance(by: .seconds(60))
            #expect(await rig.get(path).status == 200)
        }
    }

    @Test func `goes on with an old generation until it is swept`() async throws {
        try await StreamRig.run { rig in
            let row = try await rig.publish("trk_a")
            try await rig.republish(row, generation: "gen_2")
            rig.delivery.forget(row.id)
            let token = rig.token("trk_a")
            #expect(await rig.get(rig.part("trk_a", token: token)).status == 200)
            #expect(try await rig.get("/stream/\(token)/trk_a/index.m3u8").bytes == StreamRig.playlist("gen_2"))
            _ = try await rig.ledger.write("test.sweep") { tx in
                try tx.generations.setState(GenerationID(checked: "gen_1"), from: [.old], to: .swept)
            }
            rig.delivery.forget(row.id)
            #expect(await rig.get(rig.part("trk_a", token: token)).status == 404)
        }
    }

    @Test func `ends at once for a deleted track, and for a quarantined one`() async throws {
        try await StreamRig.run { rig in
            let deleted = try await rig.publish("trk_a")
            let held = try await rig.publish("trk_b", generation: "gen_2")
            let paths = [
                rig.part("trk_a", token: rig.token("trk_a")),
                rig.part("trk_b", token: rig.token("trk_b"), generation: "gen_2"),
            ]
            for path in paths { #expect(await rig.get(path).status == 200) }
            #expect(await rig.send(.delete, "/v1/tracks/trk_a").status == 204)
            try await rig.ledger.write("test.hold") { [events = rig.events] tx in
                _ = try QuarantineHold.hold(
                    held.id, upload: nil, reason: .infected, message: "Eicar", evidence: ["engine": "clamav"],
                    requestID: nil, events: events, in: tx)
            }
            rig.delivery.forget(held.id)
            for path in paths { #expect(await rig.get(path).status == 404) }
            #expect(deleted.state == .ready)
        }
    }

    @Test func `sees a change that another node made within seconds`() async throws {
        try await StreamRig.run { rig in
            let row = try await rig.publish("trk_a")
            let path = rig.part("trk_a", token: rig.token("trk_a"))
            #expect(await rig.get(path).status == 200)
            _ = try await rig.ledger.write("test.delete") { tx in try tx.tracks.delete(row.id) }
            rig.time.advance(by: TrackGate.freshness)
            #expect(await rig.get(path).status == 404)
        }
    }

    @Test func `ends a session that was revoked`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let made = try await rig.send(.post, "/v1/tracks/trk_a/playback", [:]).data
            let url = try #require(made?["url"]?.string).replacing("http://sluice.example", with: "")
            let session = try #require(made?["sid"]?.string)
            #expect(await rig.get(url).status == 200)
            #expect(await rig.send(.delete, "/v1/tracks/trk_a/playback/\(session)").status == 204)
            #expect(await rig.get(url).status == 410)
        }
    }

    @Test func `refuses methods it does not know, naming those it does`() async throws {
        try await StreamRig.run { rig in
            let answer = await rig.send(.post, rig.part("trk_a", token: "x"), [:])
            #expect(answer.status == 405)
            #expect(answer["allow"]?.contains("GET") == true)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The hot path` {
    private let now = Timestamp(seconds: 1_800_000_000)
    private let track = TrackID(checked: "trk_a")
    private let path = Array("trk_a/gen_1/aac-128/00000.m4s".utf8)
    private let token = Array("header.claims.signature".utf8)

    private func hot(
        isPublic: Bool = false, tokenTrack: String = "trk_a", tokenTenant: String = "label", lasts: Int64 = 600
    ) async throws -> Hot {
        let hot = Hot()
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let answer = await rig.get(rig.part("trk_a", token: rig.token("trk_a")))
            guard case .file(let file, _) = answer.response.body else { return }
            hot.keep(
                Hot.File(
                    file: file, track: track, tenant: StreamRig.tenant, isPublic: isPublic, until: now + .seconds(2),
                    end: now + .seconds(4)), for: path.span, since: hot.epoch)
            hot.keep(
                Hot.Token(
                    track: TrackID(checked: tokenTrack), tenant: TenantID(checked: tokenTenant),
                    expires: now.seconds + lasts, until: now + .seconds(5), end: now + .seconds(10)), for: token.span)
        }
        return hot
    }

    private func isServed(_ hot: Hot, _ token: [UInt8], after wait: Duration = .zero) -> Bool {
        hot.file(token: token.span, path: path.span, at: now + wait) != nil
    }

    @Test func `serves what was let through`() async throws {
        #expect(isServed(try await hot(), token))
    }

    @Test func `serves no unknown token`() async throws {
        let hot = try await hot()
        #expect(!isServed(hot, Array("header.claims.forged".utf8)))
        #expect(!isServed(hot, []))
    }

    @Test func `serves public files alone to the public`() async throws {
        #expect(!isServed(try await hot(), Array("public".utf8)))
        #expect(isServed(try await hot(isPublic: true), Array("public".utf8)))
    }

    @Test func `serves no token of another track or tenant, nor one that expired`() async throws {
        #expect(!isServed(try await hot(tokenTrack: "trk_b"), token))
        #expect(!isServed(try await hot(tokenTenant: "elsewhere"), token))
        #expect(!isServed(try await hot(lasts: 1), token, after: .seconds(1)))
    }

    @Test func `sends one request to look again, and the rest on`() async throws {
        let hot = try await hot()
        #expect(!isServed(hot, token, after: .seconds(2)))
        #expect(isServed(hot, token, after: .seconds(2)))
        #expect(!isServed(hot, token, after: .seconds(4)))
    }

    @Test func `keeps nothing that was read before a change`() async throws {
        let hot = try await hot()
        hot.forget(track)
        #expect(!isServed(hot, token))
    }
}

@Suite(.timeLimit(.minutes(5))) struct `An Accept-Encoding field` {
    @Test(arguments: ["gzip", "br, gzip", "GZIP", "gzip;q=0.1", "*", "deflate, *;q=0.5", "gzip; q=1.000"])
    func `asks for gzip`(_ field: String) { #expect(AcceptEncoding.takesGzip(field)) }

    @Test(arguments: ["", "identity", "gzip;q=0", "gzip;q=0.000, *", "br", "*;q=0", "gzipped"])
    func `does not ask for gzip`(_ field: String) { #expect(!AcceptEncoding.takesGzip(field)) }

    @Test func `that is missing does not`() { #expect(!AcceptEncoding.takesGzip(nil)) }
}
