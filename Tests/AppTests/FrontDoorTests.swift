@testable import App
import Access
import Core
import HTTPClient
import HTTPServer
import Ingest
import Ledger
import Storage
import StreamCoord
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The front door` {
    private let time = ManualTime()
    private let metrics = Metrics()
    private let lines = Lines()

    private final class Lines: Sendable {
        private let texts = Mutex<[String]>([])
        func add(_ line: [UInt8]) { texts.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
        var all: [String] { texts.withLock { $0 } }
    }

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
        router.on(.get, "/fails/{how}") { request in
            let how = try request.parameter("how", String.self)
            if how == "answer" { return Response(status: 500) }
            if how == "stream" {
                return Response(status: 200, body: .stream { _ in throw LedgerFailure(.program, "the stream's cause") })
            }
            if let error = Self.failures[how] { throw error }
            return .text(200, "")
        }
        return FrontDoor(
            router: router, delivery: nil, cors: CORS(origins: []),
            log: Log(format: .text, level: .warning) { [lines] in lines.add($0) },
            metrics: metrics, proxies: TrustedProxies(proxies.compactMap { AddressBlock($0) }), gate: gate)
    }

    private static let failures: [String: any Error] = [
        "locked": LedgerFailure(.unavailable, "the cause"), "busy": LedgerFailure(.overloaded, "the cause"),
        "raced": LedgerFailure(.raced, "the cause"), "store": BlobFailure(.away, "the cause"),
        "delivery": StreamFailure(.away, "Later.", cause: "the cause"),
        "spool": IngestFailure(.unreadable, "the cause"),
        "sql": LedgerFailure(.program, "the cause"), "refusal": Refusal(.internal, cause: "the cause"),
        "ingest": IngestFailure(.internal, "the cause"),
    ]

    @Test(arguments: ["locked", "busy", "raced", "store", "delivery", "spool"])
    func `says when to come back while the database or the store is away`(how: String) async throws {
        let answer = try await door().respond(to: Request(.get, "/fails/\(how)"))
        #expect(answer.status == 503 && answer["Retry-After"] == "5")
        #expect(text(answer).contains("UNAVAILABLE") && (how == "spool" || !text(answer).contains("the cause")))
        #expect(lines.all.count == 1 && lines.all[0].contains("warning request.failed"))
        #expect(lines.all.first?.contains("\"the cause\"") == true)
    }

    @Test(arguments: ["sql", "refusal", "ingest", "answer"])
    func `logs every failure of its own once, with the cause`(how: String) async throws {
        let answer = try await door().respond(to: Request(.get, "/fails/\(how)"))
        #expect(answer.status == 500)
        #expect(lines.all.count == 1 && lines.all[0].contains("error request.failed"), "\(lines.all)")
        #expect(how == "answer" || lines.all.first?.contains("\"the cause\"") == true)
    }

    @Test func `logs why a stream broke off`() async throws {
        let answer = try await door().respond(to: Request(.get, "/fails/stream"))
        guard case .stream(let write) = answer.body else {
            Issue.record("no stream")
            return
        }
        final class Nowhere: StreamSink {
            func write(_ bytes: [UInt8]) async throws(BodyFailure) {}
        }
        await #expect(throws: LedgerFailure.self) { try await write(StreamWriter(Nowhere())) }
        #expect(lines.all.count == 1 && lines.all[0].contains("the stream's cause"))
    }

    @Test func `counts every method that HTTP does not define as one`() async throws {
        let door = try door()
        for number in 0..<5_000 { _ = await door.respond(to: Request(.other("M\(number)"), "/who")) }
        let trace = await door.respond(to: Request(.other("TRACE"), "/who"))
        #expect(trace.status == 405 && trace["Allow"] == "GET, HEAD, OPTIONS")
        _ = await door.respond(to: Request(.get, "/who"))
        let series = metrics.text.split(separator: "\n").filter { $0.hasPrefix("http_requests_total") }
        #expect(
            series.map(String.init) == [
                #"http_requests_total{method="GET",route="/who",status_code="200"} 1.0"#,
                #"http_requests_total{method="other",route="/who",status_code="405"} 5001.0"#,
            ])
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
