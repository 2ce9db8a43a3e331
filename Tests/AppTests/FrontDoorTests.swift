@testable import App
import Access
import Core
import HTTPClient
import HTTPServer
import TestSupport
import Testing

@Suite struct `The front door` {
    private let time = ManualTime()
    private let metrics = Metrics()

    /// Says who asked, and how; `/who` is counted for user `u` of tenant `a`, `/key` as a wrong key.
    private func door(rate: String? = nil, proxies: [String] = []) throws -> FrontDoor {
        let gate = RateGate(rate.flatMap { Rate($0) }, time: time, metrics: metrics)
        var router = Router()
        let user = Principal(tenant: TenantID(checked: "a"), user: UserID(checked: "u"), permissions: [])
        @Sendable func who(_ request: Request) throws -> Response {
            try gate.count(request, of: user)
            return .text(200, "\(request.peer) \(request.scheme) \(request.host ?? "")")
        }
        router.on(.get, "/who", handler: who)
        router.on(.put, "/v1/uploads/{upload}/chunks/{index}", handler: who)
        router.on(.patch, "/files/{upload}", handler: who)
        router.on(.get, "/key") { request in
            try gate.count(request, of: nil)
            throw AccessFailure(.wrong)
        }
        return FrontDoor(
            router: router, delivery: nil, cors: CORS(origins: []), log: Log(format: .text, level: .error) { _ in },
            metrics: metrics, proxies: TrustedProxies(proxies.compactMap { AddressBlock($0) }), gate: gate)
    }

    private func text(_ response: Response) -> String {
        guard case .bytes(let bytes) = response.body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `refuses who asks too often, says when to come back, and lets them in then`() async throws {
        let door = try door(rate: "2/min")
        let first = await door.respond(to: Request(.get, "/who"))
        #expect(first.status == 200)
        #expect(first["X-RateLimit-Limit"] == "2")
        #expect(first["X-RateLimit-Remaining"] == "1")
        _ = await door.respond(to: Request(.get, "/who"))
        let refused = await door.respond(to: Request(.get, "/who"))
        #expect(refused.status == 429)
        #expect(text(refused).contains("RATE_LIMITED"))
        #expect(refused["X-RateLimit-Remaining"] == "0")
        #expect(refused.fields.filter { $0.0 == "X-RateLimit-Limit" }.count == 1)
        let wait = try #require(refused["Retry-After"].flatMap { Int64($0) })
        #expect(metrics.text.contains("security_rate_limit_hits_total{route=\"/who\"} 1"))
        time.advance(by: .seconds(wait))
        #expect(await door.respond(to: Request(.get, "/who")).status == 200)
    }

    @Test func `never counts chunks and appended bytes`() async throws {
        let door = try door(rate: "1/h")
        for _ in 0..<5 {
            #expect(await door.respond(to: Request(.put, "/v1/uploads/u/chunks/0")).status == 200)
            #expect(await door.respond(to: Request(.patch, "/files/u")).status == 200)
        }
        #expect(await door.respond(to: Request(.get, "/who")).status == 200)
        #expect(await door.respond(to: Request(.get, "/who")).status == 429)
    }

    @Test func `counts wrong keys against the address, and nobody else's`() async throws {
        let door = try door(rate: "1/h")
        let other = try #require(Peer(bytes: [192, 0, 2, 1]))
        #expect(await door.respond(to: Request(.get, "/key")).status == 401)
        #expect(await door.respond(to: Request(.get, "/key")).status == 429)
        #expect(await door.respond(to: Request(.get, "/key", peer: other)).status == 401)
    }

    @Test func `counts nothing where the limit is none`() async throws {
        let door = try door()
        let answer = await door.respond(to: Request(.get, "/who"))
        #expect(answer.status == 200)
        #expect(answer["X-RateLimit-Limit"] == nil)
    }

    @Test(arguments: [
        // From the end up to the first that is no proxy of ours; what stands before it anybody may have written.
        ("203.0.113.9", "203.0.113.9 https music.example"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9 https music.example"),
        ("203.0.113.9, 10.0.0.7", "203.0.113.9 https music.example"),
        ("203.0.113.9:4711,10.1.2.3", "203.0.113.9 https music.example"),
        ("[2001:db8::1]:4711", "2001:db8:0:0:0:0:0:1 https music.example"),
        ("203.0.113.9, unknown", "10.0.0.1 https music.example"),
    ])
    func `believes a trusted proxy`(_ list: String, _ told: String) async throws {
        let door = try door(proxies: ["10.0.0.0/8"])
        let request = Request(
            .get, "/who",
            fields: [
                ("Host", "inside"), ("X-Forwarded-For", list), ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Host", "music.example"),
            ], peer: try #require(Peer(bytes: [10, 0, 0, 1])))
        #expect(text(await door.respond(to: request)) == told)
    }

    @Test func `believes nobody else`() async throws {
        let fields = [("Host", "inside"), ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https")]
        let stranger = try #require(Peer(bytes: [192, 0, 2, 1]))
        for proxies in [[], ["10.0.0.0/8"]] {
            let door = try door(proxies: proxies)
            let answer = await door.respond(to: Request(.get, "/who", fields: fields, peer: stranger))
            #expect(text(answer) == "192.0.2.1 http inside")
        }
    }

    @Test func `counts those behind a proxy each for themselves`() async throws {
        let door = try door(rate: "1/h", proxies: ["10.0.0.1"])
        let proxy = try #require(Peer(bytes: [10, 0, 0, 1]))
        func ask(_ client: String) async -> Int {
            await door.respond(to: Request(.get, "/key", fields: [("X-Forwarded-For", client)], peer: proxy)).status
        }
        #expect(await ask("203.0.113.1") == 401)
        #expect(await ask("203.0.113.1") == 429)
        #expect(await ask("203.0.113.2") == 401)
    }
}
