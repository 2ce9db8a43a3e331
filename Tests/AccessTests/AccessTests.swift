import Access
import Core
import Crypto
import Testing

private let secret = Array("access-tests-secret-0123456789abcdef".utf8)
private let now = Timestamp(seconds: 1_700_000_000)

private struct FixedTime: TimeSource {
    let now: Timestamp
    func sleep(for duration: Duration) async throws {}
}

private struct OneKey: KeyDirectory {
    let key: StoredKey
    let prefix: String
    func find(prefix: String) async throws -> [StoredKey] { prefix == self.prefix ? [key] : [] }
}

private func claims(_ changes: [(String, JSON?)] = []) -> JSON {
    var members: [(String, JSON)] = [
        ("sub", "u"), ("tenant", "t"), ("type", "access"), ("permissions", ["UploadAudio", "Other"]),
        ("exp", .integer(now.seconds + 60)),
    ]
    for (name, value) in changes {
        members.removeAll { $0.0 == name }
        if let value { members.append((name, value)) }
    }
    return .object(members)
}

@Suite(.timeLimit(.minutes(5))) struct `A bearer token` {
    let policy = BearerToken(secrets: [secret, Array("the-old-one-the-old-one-the-old-one".utf8)])

    @Test func `names its user, tenant and the permissions we know`() throws {
        let principal = try policy.principal(of: JWT.sign(claims(), secret: secret), at: now)
        #expect(principal.user.text == "u" && principal.tenant.text == "t")
        #expect(principal.permissions == [.uploadAudio])
    }

    @Test func `may be signed by the previous secret while it rotates`() throws {
        let old = JWT.sign(claims(), secret: Array("the-old-one-the-old-one-the-old-one".utf8))
        #expect(throws: Never.self) { try policy.principal(of: old, at: now) }
    }

    @Test(
        arguments: [
            [("exp", nil)], [("exp", "1900000000")], [("exp", .number(1_900_000_000.5))], [("type", nil)],
            [("type", "refresh")],
            [("sub", nil)], [("sub", "")], [("tenant", "../x")], [("tenant", 5)], [("nbf", .integer(now.seconds + 5))],
        ] as [[(String, JSON?)]])
    func `that says something wrong is refused`(_ changes: [(String, JSON?)]) {
        let failure = #expect(throws: AccessFailure.self) {
            try policy.principal(of: JWT.sign(claims(changes), secret: secret), at: now)
        }
        #expect(failure?.kind == .wrong)
    }

    @Test func `is judged by its signature before its expiry`() {
        let old = claims([("exp", .integer(now.seconds - 1))])
        let expired = #expect(throws: AccessFailure.self) {
            try policy.principal(of: JWT.sign(old, secret: secret), at: now)
        }
        #expect(expired?.kind == .expired)
        let forged = #expect(throws: AccessFailure.self) {
            try policy.principal(of: JWT.sign(old, secret: [1]), at: now)
        }
        #expect(forged?.kind == .wrong)
    }

    @Test(
        arguments: [
            ([], false), ([("iss", "core")], false), ([("iss", "core"), ("aud", "sluice")], true),
            ([("iss", "core"), ("aud", ["other", "sluice"])], true), ([("iss", "core"), ("aud", ["other"])], false),
            ([("iss", "Core"), ("aud", "sluice")], false), ([("iss", "core"), ("aud", 1)], false),
        ] as [([(String, JSON?)], Bool)])
    func `must come from and be meant for those that are configured`(_ changes: [(String, JSON?)], _ isGood: Bool) {
        let strict = BearerToken(secrets: [secret], issuer: "core", audience: "sluice")
        let token = JWT.sign(claims(changes), secret: secret)
        if isGood {
            #expect(throws: Never.self) { try strict.principal(of: token, at: now) }
        } else {
            #expect(throws: AccessFailure(.wrong)) { try strict.principal(of: token, at: now) }
        }
    }

    @Test func `may name its tenant as an organization, or none`() throws {
        let named = JWT.sign(claims([("tenant", nil), ("organization_id", "o")]), secret: secret)
        #expect(try policy.principal(of: named, at: now).tenant.text == "o")
        let unnamed = JWT.sign(claims([("tenant", nil)]), secret: secret)
        #expect(try policy.principal(of: unnamed, at: now).tenant == .operatorsOwn)
    }

    @Test func `of more than eight kilobytes is not looked at`() {
        let long = JWT.sign(claims([("x", .string(String(repeating: "x", count: 6_100)))]), secret: secret)
        #expect(long.utf8.count > 8192 && JWT.verify(long, secrets: [secret]) == nil)
        let fits = JWT.sign(claims([("x", .string(String(repeating: "x", count: 5_000)))]), secret: secret)
        #expect(JWT.verify(fits, secrets: [secret]) != nil)
    }

    @Test func `that says a thing twice is none`() {
        func token(_ body: String) -> String {
            let head = Base64.url.encode(Array(#"{"typ":"JWT","alg":"HS256"}"#.utf8))
            let text = head + "." + Base64.url.encode(Array(body.utf8))
            return text + "." + Base64.url.encode(HMACSHA256.code(key: secret, Array(text.utf8)))
        }
        #expect(JWT.verify(token(#"{"sub":"a"}"#), secrets: [secret]) != nil)
        for body in [#"{"sub":"a","sub":"b"}"#, "[]", "", "{", #""a""#] {
            #expect(JWT.verify(token(body), secrets: [secret]) == nil, "\(body)")
        }
    }

    @Test func `of another algorithm, of none, or broken is none`() {
        let body = Base64.url.encode(claims().bytes)
        func token(_ head: String, signed: Bool) -> String {
            let text = Base64.url.encode(Array(head.utf8)) + "." + body
            return text + "." + (signed ? Base64.url.encode(HMACSHA256.code(key: secret, Array(text.utf8))) : "")
        }
        let good = JWT.sign(claims(), secret: secret)
        let wrong = [
            token(#"{"alg":"none"}"#, signed: false), token(#"{"alg":"none"}"#, signed: true),
            token(#"{"alg":"RS256"}"#, signed: true), token(#"{"alg":"HS256","crit":["x"]}"#, signed: true),
            token(#"{"alg":"HS256","alg":"none"}"#, signed: true), good + ".", good + "=", String(good.dropLast()), "",
            "a.b.c",
        ]
        for text in wrong { #expect(JWT.verify(text, secrets: [secret]) == nil, "\(text)") }
        #expect(JWT.verify(good, secrets: [secret]) != nil)
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The authenticator` {
    let key = APIKey.make()
    var authenticator: Authenticator {
        let stored = StoredKey(
            id: KeyID(checked: "key_1"), tenant: TenantID(checked: "t"), hash: key.hash, permissions: [.streamAudio],
            expires: nil)
        return Authenticator(
            tokens: BearerToken(secrets: [secret]), localSecret: Array("local-secret".utf8),
            keys: OneKey(key: stored, prefix: key.prefix), time: FixedTime(now: now))
    }

    @Test func `lets a key in, as its tenant and with its permissions alone`() async throws {
        let principal = try await authenticator.authenticate(authorization: nil, apiKey: key.text, isLoopback: false)
        #expect(
            principal.tenant.text == "t" && principal.permissions == [.streamAudio] && principal.user.text == "key_1")
        #expect(throws: AccessFailure(.forbidden(.admin))) { try principal.require(.admin) }
    }

    @Test(arguments: [nil, "Bearer", "Bearer ", "Basic dTpw", "Bearer a b", "bearer x"] as [String?])
    func `refuses what is no token`(_ field: String?) async {
        await #expect(throws: AccessFailure.self) {
            try await authenticator.authenticate(authorization: field, apiKey: nil, isLoopback: true)
        }
    }

    @Test func `refuses a key of the right prefix and another end`() async {
        let last = key.text.last == "0" ? "1" : "0"
        await #expect(throws: AccessFailure(.wrong)) {
            try await authenticator.authenticate(
                authorization: nil, apiKey: key.text.dropLast() + last, isLoopback: true)
        }
    }

    @Test func `takes a key made by nobody for none, and one that is over for over`() async {
        for text in ["", "slk_live_", "slk_test_" + key.text.dropFirst(9), key.text + "0", key.text.uppercased()] {
            await #expect(throws: AccessFailure(.wrong), "\(text)") {
                try await authenticator.authenticate(authorization: nil, apiKey: text, isLoopback: true)
            }
        }
        let old = StoredKey(
            id: KeyID(checked: "key_1"), tenant: TenantID(checked: "t"), hash: key.hash, permissions: [], expires: now)
        let over = Authenticator(
            tokens: BearerToken(secrets: [secret]), localSecret: [1], keys: OneKey(key: old, prefix: key.prefix),
            time: FixedTime(now: now))
        await #expect(throws: AccessFailure(.expired)) {
            try await over.authenticate(authorization: nil, apiKey: key.text, isLoopback: true)
        }
    }

    @Test func `knows the CLI of its own machine for five minutes`() async throws {
        let text = LocalToken.make(secret: Array("local-secret".utf8), at: now)
        let principal = try await authenticator.authenticate(
            authorization: "bearer " + text, apiKey: nil, isLoopback: true)
        #expect(principal.tenant == .operatorsOwn && principal.user == .local)
        #expect(principal.permissions == Set(Permission.allCases))
        let old = LocalToken.make(secret: Array("local-secret".utf8), at: now - .seconds(300))
        await #expect(throws: AccessFailure(.expired)) {
            try await authenticator.authenticate(authorization: "Bearer " + old, apiKey: nil, isLoopback: true)
        }
    }

    @Test func `believes the local secret from loopback only`() async throws {
        let text = BearerToken.make(
            subject: .local, tenant: .operatorsOwn, permissions: Permission.allCases, expires: now + .seconds(300),
            issued: now,
            secret: Array("local-secret".utf8))
        let principal = try await authenticator.authenticate(
            authorization: "Bearer " + text, apiKey: nil, isLoopback: true)
        #expect(principal.isOperator)
        await #expect(throws: AccessFailure(.wrong)) {
            try await authenticator.authenticate(authorization: "Bearer " + text, apiKey: nil, isLoopback: false)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A principal` {
    private func principal(_ permissions: Set<Permission>, _ tenant: String = "t", _ user: String = "u") -> Principal {
        Principal(tenant: TenantID(checked: tenant), user: UserID(checked: user), permissions: permissions)
    }

    @Test func `reaches its own with one permission, its tenant's with another, and never another tenant's`() {
        let (tenant, owner) = (TenantID(checked: "t"), UserID(checked: "u"))
        #expect(principal([.uploadAudio]).mayReach(tenant: tenant, owner: owner))
        #expect(!principal([.uploadAudio], "t", "v").mayReach(tenant: tenant, owner: owner))
        #expect(principal([.manageTracks], "t", "v").mayReach(tenant: tenant, owner: owner))
        #expect(principal([.admin], "t", "v").mayReach(tenant: tenant, owner: owner))
        #expect(!principal([.streamAudio]).mayReach(tenant: tenant, owner: owner))
        #expect(!principal(Set(Permission.allCases), "s").mayReach(tenant: tenant, owner: owner))
        #expect(!principal(Set(Permission.allCases), "default").mayReach(tenant: tenant, owner: owner))
    }

    @Test func `is the operator's only with Admin and in the operator's tenant`() {
        #expect(principal([.admin], "default").isOperator && !principal([.admin]).isOperator)
        #expect(!principal([.manageTracks], "default").isOperator)
    }
}
