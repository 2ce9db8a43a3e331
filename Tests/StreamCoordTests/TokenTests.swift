import Access
import Core
import Testing

@testable import StreamCoord

@Suite(.timeLimit(.minutes(5))) struct `A playback token` {
    private static let good: [(String, JSON)] = [
        ("aud", "playback"), ("track", "trk_a"), ("tenant", "label"), ("exp", 1_800_000_600), ("sid", "bar-1"),
    ]

    private static func claims(_ changes: (String, JSON?)...) -> JSON {
        var claims = good
        for (name, value) in changes {
            claims.removeAll { $0.0 == name }
            if let value { claims.append((name, value)) }
        }
        return .object(claims)
    }

    private static func status(_ token: String, of path: String? = nil) async throws -> Int {
        var status = 0
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            status = await rig.get(path ?? rig.part("trk_a", token: token)).status
            let top = await rig.get("/stream/\(token)/trk_a/index.m3u8").status
            #expect(top == status, "playlists and segments are judged alike")
        }
        return status
    }

    @Test func `minted by any JWT library plays`() async throws {
        #expect(try await Self.status(JWT.sign(Self.claims(), secret: StreamRig.secret)) == 200)
    }

    static let forged: [(String, JSON)] = [
        ("another audience", claims(("aud", "access"))), ("no audience", claims(("aud", nil))),
        ("a list without playback", claims(("aud", ["access"]))), ("another track", claims(("track", "trk_b"))),
        ("another tenant", claims(("tenant", "elsewhere"))), ("no tenant", claims(("tenant", nil))),
        ("a tenant that is none", claims(("tenant", "a/b"))), ("no expiry", claims(("exp", nil))),
        ("an expiry in words", claims(("exp", "soon"))), ("half an expiry", claims(("exp", .number(1_800_000_600.5)))),
        ("a beginning to come", claims(("nbf", 1_800_000_300))), ("a beginning in words", claims(("nbf", "now"))),
    ]

    @Test(arguments: forged) func `that says what it must not is forbidden`(_ what: String, _ claims: JSON) async throws
    {
        #expect(try await Self.status(JWT.sign(claims, secret: StreamRig.secret)) == 403, "\(what)")
    }

    @Test func `that was tampered with is forbidden`() async throws {
        let good = JWT.sign(Self.claims(), secret: StreamRig.secret)
        let parts = good.split(separator: ".").map(String.init)
        let none = "eyJhbGciOiJub25lIn0"
        let other = JWT.sign(Self.claims(("exp", 1_900_000_000)), secret: StreamRig.secret).split(separator: ".")[1]
        for token in [
            "\(parts[0]).\(parts[1])", "\(none).\(parts[1]).", "\(none).\(parts[1]).\(parts[2])",
            "\(parts[0]).\(other).\(parts[2])", good + "A", String(good.dropLast()), "x", "..",
            JWT.sign(Self.claims(), secret: Array("another".utf8)),
        ] {
            #expect(try await Self.status(token) == 403)
        }
    }

    @Test func `with a list of audiences that names playback plays`() async throws {
        let claims = Self.claims(("aud", ["other", "playback"]), ("nbf", 1_799_999_000))
        #expect(try await Self.status(JWT.sign(claims, secret: StreamRig.secret)) == 200)
    }

    @Test func `past its expiry is gone`() async throws {
        let claims = Self.claims(("exp", 1_800_000_000))
        #expect(try await Self.status(JWT.sign(claims, secret: StreamRig.secret)) == 410)
    }

    @Test func `is called forged before it is called expired`() async throws {
        let claims = Self.claims(("exp", 1_700_000_000))
        #expect(try await Self.status(JWT.sign(claims, secret: Array("another".utf8))) == 403)
        let elsewhere = Self.claims(("exp", 1_700_000_000), ("tenant", "elsewhere"))
        #expect(try await Self.status(JWT.sign(elsewhere, secret: StreamRig.secret)) == 403)
    }

    @Test func `of the secret before the rotation verifies, and of one before that does not`() throws {
        let now = Timestamp(seconds: 1_800_000_000)
        let keys = PlaybackKeys(current: Array("new".utf8), previous: StreamRig.secret)
        let old = JWT.sign(Self.claims(), secret: StreamRig.secret)
        #expect(try keys.verify(old, for: TrackID(checked: "trk_a"), at: now).session == "bar-1")
        let dropped = PlaybackKeys(current: Array("new".utf8), previous: Array("newer".utf8))
        #expect(throws: StreamFailure.self) { try dropped.verify(old, for: TrackID(checked: "trk_a"), at: now) }
    }

    @Test func `never shows its secrets`() {
        #expect("\(PlaybackKeys(current: StreamRig.secret))" == "<redacted>")
        #expect(CallbackSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").map { "\($0)" } == "<redacted>")
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A presigned address` {
    private let keys = PlaybackKeys(current: Array("secret".utf8))

    /// `printf 'trk_a|1800000600' | openssl dgst -sha256 -hmac secret`
    @Test func `is signed as Veza signs it`() {
        let expected = "ddbd7a8fd2b0f4343c35b51e912f7d021bd8dec31f6094cdd4153b6ee0d81938"
        #expect(keys.presign(TrackID(checked: "trk_a"), expires: 1_800_000_600) == expected)
    }

    @Test func `gives the original with its own type, whole or in part`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let address =
                "/stream/trk_a?expires=1800000600&sig="
                + rig.keys.presign(TrackID(checked: "trk_a"), expires: 1_800_000_600)
            let whole = await rig.get(address)
            #expect(whole.status == 200)
            #expect(try whole.bytes == StreamRig.original)
            #expect(whole["content-type"] == "audio/flac")
            let part = await rig.get(address, [("Range", "bytes=2-3")])
            #expect(part.status == 206)
            #expect(try part.bytes == Array("ig".utf8))
        }
    }

    @Test func `is judged: form, then signature, then expiry`() async throws {
        try await StreamRig.run { rig in
            try await rig.publish("trk_a")
            let track = TrackID(checked: "trk_a")
            let good = rig.keys.presign(track, expires: 1_800_000_600)
            let old = rig.keys.presign(track, expires: 1_700_000_000)
            for (query, status) in [
                ("expires=1800000600&sig=\(good.dropLast())0", 403), ("expires=1800000601&sig=\(good)", 403),
                ("expires=1700000000&sig=\(old)", 410), ("expires=1700000000&sig=\(good)", 403),
                ("expires=1800000600", 400), ("sig=\(good)", 400), ("", 400), ("expires=x&sig=\(good)", 400),
                ("expires=1800000600&sig=zz", 403),
            ] {
                let answer = await rig.get("/stream/trk_a?\(query)")
                #expect(answer.status == status, "\(query)")
            }
            let unknown = rig.keys.presign(TrackID(checked: "trk_x"), expires: 1_800_000_600)
            #expect(await rig.get("/stream/trk_x?expires=1800000600&sig=\(unknown)").status == 404)
        }
    }
}
