import Core
import HTTPServer
import Ledger
import Storage
import TestSupport
import Testing

@testable import StreamCoord

/// What players get where blobs lie in a store that keeps no files here.
@Suite(.timeLimit(.minutes(5))) struct `The delivery from a distant store` {
    private func rig(_ body: (StreamRig, FaultyStore) async throws -> Void) async throws {
        let store = FaultyStore()
        try await StreamRig.run(far: store) { rig in try await body(rig, store) }
    }

    @Test func `answers cold, warm and from this disk alike, tag and all`() async throws {
        var answers: [(fields: [String?], bytes: [UInt8])] = []
        func ask(_ rig: StreamRig) async throws {
            let answer = await rig.get(rig.part("trk_a", token: rig.token("trk_a")))
            let fields = ["etag", "content-type", "cache-control", "accept-ranges", "vary"].map { answer[$0] }
            answers.append((fields, try await answer.received))
        }
        try await rig { rig, store in
            try await rig.publish("trk_a")
            try await ask(rig)
            try await ask(rig)
            #expect(store.reads.count == 1)
        }
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            try await ask(rig)
        }
        #expect(answers.allSatisfy { $0.fields == answers[0].fields && $0.bytes == StreamRig.segment })
        #expect(answers.count == 3 && answers[0].fields[0] != nil)
    }

    @Test func `announces the length of what is still on its way`() async throws {
        try await rig { rig, store in
            try await rig.publish("trk_a")
            store.behave(.holds(after: 100))
            let path = rig.part("trk_a", token: rig.token("trk_a"))
            let answer = await rig.get(path)
            guard case .counted(4000, _) = answer.response.body else {
                Issue.record("it is answered before it is whole")
                return
            }
            let head = await rig.send(.head, path)
            guard case .counted(4000, _) = head.response.body else {
                Issue.record("and HEAD waits for no byte")
                return
            }
            store.release()
            #expect(try await answer.received == StreamRig.segment)
        }
    }

    @Test func `cuts ranges out of what is cold`() async throws {
        try await rig { rig, store in
            try await rig.publish("trk_a")
            store.behave(.holds(after: 1000))
            let path = rig.part("trk_a", token: rig.token("trk_a"))
            let part = await rig.get(path, [("Range", "bytes=10-19")])
            #expect(part.status == 206)
            #expect(part["content-range"] == "bytes 10-19/4000")
            #expect(try await part.received == Array(StreamRig.segment[10..<20]), "though the rest has not come")
            let last = await rig.get(path, [("Range", "bytes=-5")])
            store.release()
            #expect(try await last.received == Array(StreamRig.segment[3995...]))
            #expect(await rig.get(path, [("Range", "bytes=4000-")]).status == 416)
            #expect(await rig.get(path, [("Range", "bytes=0-1"), ("If-Range", "\"x\"")]).status == 200)
            #expect(await rig.get(path, [("If-None-Match", "*")]).status == 304)
            #expect(store.reads == [nil], "one fill serves them all")
        }
    }

    @Test func `compresses a cold playlist as any other`() async throws {
        try await rig { rig, store in
            try await rig.publish("trk_a")
            let path = "/stream/\(rig.token("trk_a"))/trk_a/index.m3u8"
            let packed = await rig.get(path, [("Accept-Encoding", "gzip")])
            #expect(packed["content-encoding"] == "gzip")
            #expect(try await rig.get(path).received == StreamRig.playlist("gen_1"))
        }
    }

    @Test func `reads of a large original only what was asked for`() async throws {
        try await rig { rig, store in
            let row = try await rig.publish("trk_a")
            let long = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) }
            let key = try #require(row.originalKey.flatMap { BlobKey($0) })
            try await store.put(long, at: key)
            try await rig.ledger.write("test.size") { tx in
                try tx.tracks.setOriginal(
                    row.id, key: row.originalKey, contentType: "audio/flac", size: 300_000, sha256: "abc")
            }
            let expires = rig.time.now.seconds + 60
            let signature = rig.keys.presign(row.id, expires: expires)
            let answer = await rig.get(
                "/stream/trk_a?expires=\(expires)&sig=\(signature)", [("Range", "bytes=200000-200099")])
            #expect(answer.status == 206)
            #expect(answer["content-range"] == "bytes 200000-200099/300000")
            #expect(answer["etag"] == "\"abc\"")
            #expect(try await answer.received == Array(long[200_000..<200_100]))
            #expect(store.reads == [200_000..<200_100])
        }
    }

    @Test func `goes on from its cache while the store is away`() async throws {
        try await rig { rig, store in
            try await rig.publish("trk_a")
            let token = rig.token("trk_a")
            let path = rig.part("trk_a", token: token)
            _ = try await rig.get(path).received
            store.behave(.away)
            rig.time.advance(by: .seconds(60))
            #expect(try await rig.get(path).received == StreamRig.segment)
            let cold = await rig.get("/stream/\(token)/trk_a/gen_1/aac-128/init.mp4")
            #expect(cold.status == 503 && cold["retry-after"] != nil)
            store.behave(.well)
            #expect(try await rig.get("/stream/\(token)/trk_a/gen_1/aac-128/init.mp4").received == [1, 2, 3])
        }
    }

    @Test func `knows nothing of what is not in the store`() async throws {
        try await rig { rig, _ in
            try await rig.publish("trk_a")
            #expect(await rig.get("/stream/\(rig.token("trk_a"))/trk_a/gen_1/aac-128/00007.m4s").status == 404)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The delivery while the ledger is away` {
    @Test(arguments: [DistantLedger.Reach.away, .hangs])
    func `goes on with what players began, and says so once`(_ reach: DistantLedger.Reach) async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let path = rig.part("trk_a", token: rig.token("trk_a", lasts: 7200))
            #expect(await rig.get(path).status == 200)
            rig.asked.set(reach)
            for round in 0..<3 {
                rig.time.advance(by: .seconds(60))
                async let answer = rig.get(path)
                if case .hangs = reach, round < 2 {
                    // Once a pause one question is tried, the track's first and then the session's: whoever asks it waits
                    // a second, the others not at all.
                    await rig.time.sleeper(for: LedgerMemory<TrackID, TrackGate.Entry>.grace)
                    rig.time.advance(by: .seconds(1))
                }
                #expect(await answer.status == 200)
            }
            #expect(rig.notices.list.count == 1)
            rig.asked.set(.near)
            rig.time.advance(by: .seconds(60))
            #expect(await rig.get(path).status == 200)
            await rig.notices.reach(2)
            #expect(rig.notices.list.last == .back)
        }
    }

    @Test func `does not go on for ever`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a", visibility: .public)
            let path = rig.part("trk_a", token: "public")
            #expect(await rig.get(path).status == 200)
            rig.asked.set(.away)
            rig.time.advance(by: .seconds(890))
            #expect(await rig.get(path).status == 200)
            rig.time.advance(by: .seconds(11))
            #expect(await rig.get(path).status >= 500)
        }
    }

    @Test func `does not go on with what was deleted or revoked`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            try await rig.publish("trk_b", generation: "gen_2")
            let made = try await rig.send(.post, "/v1/tracks/trk_b/playback", [:]).data
            let url = try #require(made?["url"]?.string).replacing("http://sluice.example", with: "")
            let session = try #require(made?["sid"]?.string)
            let path = rig.part("trk_a", token: rig.token("trk_a"))
            #expect(await rig.get(path).status == 200)
            #expect(await rig.get(url).status == 200)
            #expect(await rig.send(.delete, "/v1/tracks/trk_a").status == 204)
            #expect(await rig.send(.delete, "/v1/tracks/trk_b/playback/\(session)").status == 204)
            rig.asked.set(.away)
            for _ in 0..<2 {
                #expect(await [404, 500, 503].contains(rig.get(path).status))
                #expect(await [410, 500, 503].contains(rig.get(url).status))
                rig.time.advance(by: .seconds(30))
            }
        }
    }

    @Test func `does not ask for each of many requests`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a", visibility: .public)
            let path = "/stream/public/trk_a/index.m3u8"
            #expect(await rig.get(path).status == 200)
            rig.asked.set(.away)
            rig.time.advance(by: .seconds(10))
            let before = rig.asked.reads
            for _ in 0..<50 { #expect(await rig.get(path).status == 200) }
            #expect(rig.asked.reads == before + 1)
        }
    }

    @Test func `lets nobody in whom it never saw`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            rig.asked.set(.away)
            #expect(await rig.get(rig.part("trk_a", token: rig.token("trk_a"))).status >= 500)
        }
    }
}
