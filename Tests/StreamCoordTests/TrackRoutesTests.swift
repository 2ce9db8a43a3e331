import Access
import Core
import HTTPServer
import Ledger
import TestSupport
import Testing

@testable import StreamCoord

@Suite(.timeLimit(.minutes(5))) struct `The track routes` {
    @Test func `show a track as the contracts draw it`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let track = try #require(try await rig.get("/v1/tracks/trk_a").data)
            #expect(track["id"] == "trk_a")
            #expect(track["state"] == "ready")
            #expect(track["progress"]?.double == 1)
            #expect(track["generation"] == "gen_1")
            #expect(track["visibility"] == "private")
            #expect(track["urls"]?["hls"] == "/stream/{token}/trk_a/index.m3u8")
            #expect(track["urls"]?["lossless"] == "/stream/{token}/trk_a/lossless.m3u8")
            #expect(track["urls"]?["opus"]?.isNull == true)
            #expect(track["renditions"]?.array?.count == 2)
            #expect(track["scan"]?["verdict"] == "clean")
            #expect(track["error"]?.isNull == true)
        }
    }

    @Test func `show another tenant's track to nobody`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a", tenant: TenantID(checked: "other"))
            let answer = await rig.get("/v1/tracks/trk_a")
            #expect(answer.status == 404)
            #expect(try answer.code == "NOT_FOUND")
            #expect(await rig.send(.delete, "/v1/tracks/trk_a").status == 404)
            #expect(await rig.send(.post, "/v1/tracks/trk_a/playback").status == 404)
            #expect(try await rig.get("/v1/tracks").json["pagination"]?["total"] == 0)
        }
    }

    @Test func `show an uploader what is its own, and no list`() async throws {
        try await withTemporaryFolder { folder in
            let rig = try StreamRig(folder: folder, principal: .of(permissions: [.uploadAudio]))
            _ = try await rig.insert("trk_mine")
            _ = try await rig.insert("trk_theirs", owner: "user-2")
            #expect(await rig.get("/v1/tracks/trk_mine").status == 200)
            #expect(await rig.get("/v1/tracks/trk_theirs").status == 404)
            #expect(await rig.get("/v1/tracks").status == 403)
            #expect(await rig.send(.delete, "/v1/tracks/trk_mine").status == 403)
            #expect(await rig.send(.post, "/v1/tracks/trk_mine/playback").status == 403)
        }
    }

    @Test func `list by page and by cursor alike`() async throws {
        try await StreamRig.run { rig in
            for number in 1...5 {
                _ = try await rig.insert("trk_\(number)")
                rig.time.advance(by: .seconds(1))
            }
            func ids(_ answer: Answer) throws -> [String] {
                try answer.data?.array?.compactMap { $0["id"]?.string } ?? []
            }
            let first = await rig.get("/v1/tracks?limit=2")
            #expect(try ids(first) == ["trk_5", "trk_4"])
            let pagination = try first.json["pagination"]
            #expect(pagination?["page"] == 1)
            #expect(pagination?["limit"] == 2)
            #expect(pagination?["total"] == 5)
            #expect(pagination?["totalPages"] == 3)
            let cursor = try #require(pagination?["nextCursor"]?.string)
            #expect(try ids(await rig.get("/v1/tracks?limit=2&cursor=\(cursor)")) == ["trk_3", "trk_2"])
            #expect(try ids(await rig.get("/v1/tracks?limit=2&page=2")) == ["trk_3", "trk_2"])
            #expect(try ids(await rig.get("/v1/tracks?q=song%20trk_3")) == ["trk_3"])
            #expect(try ids(await rig.get("/v1/tracks?state=ready")) == [])
            let last = await rig.get("/v1/tracks?limit=2&page=3")
            #expect(try last.json["pagination"]?["nextCursor"]?.isNull == true)
        }
    }

    @Test(arguments: [
        "page=0", "page=-1", "page=x", "page=", "limit=0", "limit=101", "limit=1.5", "limit=+5", "cursor=x",
        "state=gone",
    ])
    func `refuse a list that cannot be meant`(_ query: String) async throws {
        try await StreamRig.run { rig in
            let answer = await rig.get("/v1/tracks?\(query)")
            let code = try answer.code
            #expect(answer.status == 400)
            #expect(code == "INVALID_REQUEST")
        }
    }

    @Test func `delete once, and tell it once`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            #expect(await rig.send(.delete, "/v1/tracks/trk_a").status == 204)
            #expect(await rig.send(.delete, "/v1/tracks/trk_a").status == 204)
            let told = try await rig.ledger.read("test.events") { tx in
                try tx.outbox.after(0, tenant: StreamRig.tenant, limit: 10).map(\.type)
            }
            #expect(told == [.trackDeleted])
            #expect(try await rig.get("/v1/tracks/trk_a").data?["state"] == "deleted")
        }
    }

    @Test func `apply visibility to the same source without a new run`() async throws {
        try await StreamRig.run { rig in
            let upload = UploadID(checked: "up_1")
            try await rig.publish("trk_a")
            _ = try await rig.ledger.write("test.upload") { tx in
                try tx.tracks.setUpload(TrackID(checked: "trk_a"), upload)
            }
            #expect(await rig.get("/stream/public/trk_a/index.m3u8").status == 404)
            let answer = await rig.send(
                .post, "/v1/tracks/trk_a/prepare", ["source": ["uploadId": "up_1"], "visibility": "public"])
            #expect(answer.status == 202)
            #expect(try answer.data?["visibility"] == "public")
            #expect(await rig.get("/stream/public/trk_a/index.m3u8").status == 200)
            let later = await rig.send(
                .post, "/v1/tracks/trk_a/prepare",
                ["source": ["uploadId": "up_1"], "publishAt": "2099-01-01T00:00:00+01:00"])
            #expect(try later.data?["publishAt"] == "2098-12-31T23:00:00.000Z")
            #expect(try later.data?["visibility"] == "public")
            #expect(await rig.get("/stream/public/trk_a/index.m3u8").status == 404)
            #expect(try await rig.send(.post, "/v1/tracks/trk_a/playback").code == "NOT_PUBLISHED")
        }
    }

    @Test func `refuse a prepare that cannot be meant`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            for (body, status) in [
                (JSON.object([]), 400), (["source": [:]], 400), (["source": ["uploadId": "a b"]], 400),
                (["source": ["url": "http://127.0.0.1/"]], 422), (["source": ["uploadId": "up_other"]], 422),
                (["source": ["object": ["bucket": "b", "key": "k"]]], 422), (["source": ["file": "x"]], 400),
                (["source": ["uploadId": "up_1"], "visibility": "secret"], 400),
                (["source": ["uploadId": "up_1"], "publishAt": "tomorrow"], 400),
            ] as [(JSON, Int)] {
                #expect(await rig.send(.post, "/v1/tracks/trk_a/prepare", body).status == status, "\(body.text)")
            }
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A playback link` {
    @Test func `names what there is, on the host that was asked`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let answer = await rig.send(.post, "/v1/tracks/trk_a/playback", ["expiresIn": 60])
            #expect(answer.status == 201)
            let made = try #require(try answer.data)
            let url = try #require(made["url"]?.string)
            #expect(url.hasPrefix("http://sluice.example/stream/"))
            #expect(url.hasSuffix("/trk_a/index.m3u8"))
            #expect(made["losslessUrl"]?.string?.hasSuffix("/trk_a/lossless.m3u8") == true)
            #expect(made["opusUrl"]?.isNull == true)
            #expect(made["dashUrl"]?.isNull == true)
            #expect(made["expiresAt"]?.string == (rig.time.now + .seconds(60)).description)
            let path = url.replacing("http://sluice.example", with: "")
            #expect(await rig.get(path).status == 200)
            rig.time.advance(by: .seconds(60))
            #expect(await rig.get(path).status == 410)
        }
    }

    @Test func `waits for a track that is under way`() async throws {
        try await StreamRig.run { rig in
            _ = try await rig.insert("trk_a")
            let answer = await rig.send(.post, "/v1/tracks/trk_a/playback", [:])
            #expect(answer.status == 409)
            #expect(try answer.code == "TRACK_PROCESSING")
        }
    }

    @Test func `is never made of a quarantined track`() async throws {
        try await StreamRig.run { rig in
            let row = try await rig.insert("trk_a")
            try await rig.ledger.write("test.hold") { [events = rig.events] tx in
                _ = try QuarantineHold.hold(
                    row.id, upload: nil, reason: .infected, message: "Eicar", evidence: [:], requestID: nil,
                    events: events, in: tx)
            }
            #expect(try await rig.send(.post, "/v1/tracks/trk_a/playback", [:]).code == "INFECTED")
        }
    }

    @Test(arguments: [
        #"{"expiresIn":0}"#, #"{"expiresIn":-1}"#, #"{"expiresIn":"60"}"#, #"{"expiresIn":2592001}"#,
        #"{"expiresIn":1.5}"#, #"{"once":"yes"}"#, #"{"once":true}"#, #"{"sub":""}"#, #"{"sub":5}"#, "[]", "{", "null",
    ])
    func `is refused for a wish that cannot be meant`(_ body: String) async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let request = Request(.post, "/v1/tracks/trk_a/playback", body: Body(bytes: Array(body.utf8)))
            #expect(await rig.router.respond(to: request).status == 400)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A moment from outside` {
    @Test func `is read as RFC 3339 writes it`() {
        for (text, microseconds) in [
            ("2026-11-21T10:02:07Z", Int64(1_795_255_327_000_000)), ("2026-11-21t10:02:07.5z", 1_795_255_327_500_000),
            ("2026-11-21T12:02:07.123456+02:00", 1_795_255_327_123_456), ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:30:00-01:00", 1_800_000_000), ("1970-01-01T01:00:00+01:00", 0),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000), ("2017-01-01T01:59:60+02:00", 1_483_228_800_000_000),
        ] {
            #expect(Dates.rfc3339(text)?.microseconds == microseconds, "\(text)")
        }
        for text in [
            "", "2026-11-21", "2026-11-21T10:02Z", "2026-13-21T10:02:07Z", "2026-11-21T10:02:07",
            "2026-11-21T24:00:00Z",
            // Impossible days, moments before 1970 and after 9999, and more or fewer digits than the form has.
            "2026-02-31T10:00:00Z", "2026-02-29T10:00:00Z", "2026-04-31T10:00:00Z", "2026-01-00T10:00:00Z",
            "1970-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z",
            "2026-11-21T12:00:60Z", "2026-1-21T10:02:07Z", "2026-11-21T1:02:07Z", "2026-11-21T10:02:07+1:00",
            "2026-11-21T10:02:07.1234567xZ", "2026-11-21T10:02:07.Z",
        ] {
            #expect(Dates.rfc3339(text) == nil, "\(text)")
        }
    }

    @Test func `is read as HTTP writes it`() {
        let now = Timestamp(seconds: 1_800_000_123)
        #expect(Dates.http(now.httpDate) == now)
        #expect(Dates.http("Sunday, 06-Nov-94 08:49:37 GMT") == nil)
        #expect(Dates.http("Tue, 31 Feb 2026 08:49:37 GMT") == nil)
        #expect(Dates.http("Tue, +6 Feb 2026 08:49:37 GMT") == nil)
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The track machine` {
    @Test func `keeps a track ready while a live generation stands`() {
        var machine = TrackMachine(state: .ready, hasLive: true)
        machine.apply(.begun)
        #expect(machine.state == .ready)
        machine.apply(.failed)
        #expect(machine.state == .ready)
        machine.apply(.held)
        #expect(machine.state == .quarantined)
        #expect(!machine.hasLive)
    }

    @Test func `publishes nothing that is held`() {
        var machine = TrackMachine(state: .quarantined, hasLive: false)
        let isPublished = machine.apply(.published)
        #expect(!isPublished)
        #expect(machine.state == .quarantined)
        machine.apply(.begun)
        machine.apply(.published)
        #expect(machine.state == .ready)
    }

    @Test func `never brings a deleted track back`() {
        for event in TrackMachine.Event.allCases {
            var machine = TrackMachine(state: .deleted, hasLive: false)
            let isApplied = machine.apply(event)
            #expect(!isApplied)
            #expect(machine.state == .deleted)
        }
    }

    @Test func `is live exactly where it is ready, whatever happens`() {
        var reached: Set<String> = []
        func visit(_ machine: TrackMachine, _ depth: Int) {
            #expect(machine.hasLive == (machine.state == .ready))
            reached.insert(machine.state.rawValue)
            guard depth < 5 else { return }
            for event in TrackMachine.Event.allCases {
                var next = machine
                next.apply(event)
                visit(next, depth + 1)
            }
        }
        visit(TrackMachine(state: .processing, hasLive: false), 0)
        #expect(reached.count == TrackState.allCases.count)
    }
}
