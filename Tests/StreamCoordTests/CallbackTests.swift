import Core
import Events
import Crypto
import HTTPClient
import HTTPServer
import Ledger
import Synchronization
import TestSupport
import Testing
import Worker

@testable import StreamCoord

/// A core API in memory: answers as it is told, and remembers what it was sent.
private final class FakeCore: Sendable {
    private let state: Mutex<(answers: [CallbackAnswer], requests: [CallbackRequest])>
    init(_ answers: [CallbackAnswer]) { state = Mutex((answers, [])) }

    var requests: [CallbackRequest] { state.withLock(\.requests) }
    var post: CallbackPost {
        { [self] request in
            state.withLock { state in
                state.requests.append(request)
                return state.answers.isEmpty ? .status(200, retryAfter: nil) : state.answers.removeFirst()
            }
        }
    }
}

/// A core API on a socket: 503 first, then 200; remembers the ids of what it could verify.
private final class WireCore: Responder {
    private let key: [UInt8]
    private let state = Mutex<(asked: Int, verified: [String])>((0, []))
    init(key: [UInt8]) { self.key = key }

    var verified: [String] { state.withLock(\.verified) }

    func respond(to request: Request) async -> Response {
        let id = request.fields["webhook-id"] ?? ""
        let timestamp = request.fields["webhook-timestamp"] ?? ""
        // A body that is cut verifies as little as a forged one.
        let body = (try? await request.body.collect(limit: 65_536)) ?? []
        let code = HMACSHA256.code(key: key, Array("\(id).\(timestamp).".utf8) + body)
        let isGood =
            request.fields["webhook-signature"] == "v1," + Base64.encode(code) && request.path.hasSuffix("/quarantined")
        return state.withLock { state in
            state.asked += 1
            if isGood { state.verified.append(id) }
            return state.asked == 1 ? Response(status: 503, fields: [("Retry-After", "40")]) : Response(status: 200)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The callback sender` {
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    private func sender(_ rig: StreamRig, _ core: FakeCore) throws -> CallbackSender {
        CallbackSender(
            ledger: rig.ledger,
            configuration: .init(
                coreURL: "http://core.example", coreAPIKey: "core-key",
                secrets: [try #require(CallbackSecret(Self.secret))]), time: rig.time, post: core.post)
    }

    /// Claims the job that is due, works it, and settles what the sender left to the pool.
    private func work(_ rig: StreamRig, _ sender: CallbackSender) async throws -> Settlement? {
        let jobs = try await rig.ledger.write("test.claim") { tx in
            try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 4, lease: .seconds(30))
        }
        #expect(jobs.count <= 1, "one job an endpoint and track")
        guard let job = jobs.first else { return nil }
        let settlement = try await sender.run(job)
        if case .postponed(let until) = settlement {
            _ = try await rig.ledger.write("test.settle") { tx in
                try tx.jobs.settle(job.lease, .postponed(until: until))
            }
        }
        return settlement
    }

    private func tell(_ rig: StreamRig, _ type: EventType, _ track: TrackRow) async throws -> EventRow {
        try await rig.ledger.write("test.tell") { [events = rig.events] tx in
            try events.tell(type, of: track, requestID: RequestID(checked: "req-1"), in: tx)
        }
    }

    private func delivery(_ rig: StreamRig, _ event: EventRow) async throws -> DeliveryRow {
        try #require(
            try await rig.ledger.read("test.delivery") { tx in
                try tx.deliveries.list(endpoint: "core", tenant: StreamRig.tenant, limit: 50).rows
                    .first { $0.eventID == event.id }
            })
    }

    private func run(_ body: (StreamRig, TrackRow) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let rig = try StreamRig(folder: folder, hasCore: true)
            try await body(rig, try await rig.publish("trk_a"))
        }
    }

    @Test func `tells the core API what was written, signed`() async throws {
        try await run { rig, track in
            let core = FakeCore([])
            let event = try await tell(rig, .trackReady, track)
            #expect(try await work(rig, sender(rig, core)) == .settled)
            let request = try #require(core.requests.first)
            #expect(request.url == "http://core.example/api/v1/internal/tracks/trk_a/stream-ready")
            #expect(request.body == event.body)
            let fields = Dictionary(uniqueKeysWithValues: request.fields)
            #expect(fields["webhook-id"] == event.id.text)
            #expect(fields["X-API-Key"] == "core-key")
            #expect(fields["X-Request-Id"] == "req-1")
            #expect(fields["webhook-signature"]?.hasPrefix("v1,") == true)
            let body = try JSON.parse(request.body)
            #expect(body["id"]?.string == event.id.text)
            #expect(body["type"] == "track.ready")
            #expect(body["schema"] == 1)
            #expect(body["sequence"]?.integer == event.sequence)
            #expect(body["tenant"] == "label")
            #expect(body["data"]?["trackId"] == "trk_a")
            #expect(body["data"]?["hls"] == "/stream/{token}/trk_a/index.m3u8")
            #expect(body["data"]?["audio"]?["rate"] == 44100)
            #expect(body["data"]?["scan"]?["engine"] == "clamav")
            #expect(body["data"]?["requestId"] == "req-1")
            let row = try await delivery(rig, event)
            #expect(row.state == .done)
            #expect(row.attempts == 1)
            #expect(try await work(rig, sender(rig, core)) == nil)
        }
    }

    @Test func `sends failures and quarantine to their own addresses, and nothing else`() async throws {
        try await run { rig, track in
            let core = FakeCore([])
            for type in EventType.allCases { _ = try await tell(rig, type, track) }
            _ = try await work(rig, sender(rig, core))
            let paths = core.requests.map { $0.url.split(separator: "/").last.map(String.init) ?? "" }
            #expect(Set(paths) == ["stream-ready", "stream-failed", "quarantined"])
            #expect(core.requests.count == 3)
        }
    }

    @Test func `keeps the order of a track's events over a failure`() async throws {
        try await run { rig, track in
            let core = FakeCore([.status(503, retryAfter: nil)])
            let first = try await tell(rig, .trackFailed, track)
            let second = try await tell(rig, .trackReady, track)
            let sender = try sender(rig, core)
            guard case .postponed(let until) = try await work(rig, sender) else {
                Issue.record("not postponed")
                return
            }
            #expect((Duration.milliseconds(800)...Duration.milliseconds(1200)).contains(until - rig.time.now))
            #expect(core.requests.count == 1)
            #expect(try await work(rig, sender) == nil, "not before its time")
            rig.time.advance(by: .seconds(2))
            #expect(try await work(rig, sender) == .settled)
            let ids = try core.requests.map { try JSON.parse($0.body)["id"]?.string }
            #expect(ids == [first.id.text, first.id.text, second.id.text])
            #expect(try await delivery(rig, first).attempts == 2)
        }
    }

    @Test func `sends a rejected event again at once, before the later one that waits for its next try`() async throws {
        try await run { rig, track in
            let core = FakeCore([.status(400, retryAfter: nil, body: "unknown track"), .status(503, retryAfter: nil)])
            let first = try await tell(rig, .trackFailed, track)
            let second = try await tell(rig, .trackReady, track)
            let sender = try sender(rig, core)
            _ = try await work(rig, sender)
            let dead = try await delivery(rig, first)
            #expect(dead.state == .dead)
            #expect(dead.lastStatus == 400 && dead.lastAnswer == "unknown track")
            #expect(try await work(rig, sender) == nil, "the second one waits")
            try await rig.ledger.write("test.retry") { tx in
                #expect(try tx.deliveries.redeliver(dead.id))
                try CoreCallback.resume(dead, in: tx)
            }
            guard case .postponed = try await work(rig, sender) else {
                Issue.record("the second one was sent before its time")
                return
            }
            rig.time.advance(by: .seconds(2))
            #expect(try await work(rig, sender) == .settled)
            let ids = try core.requests.map { try JSON.parse($0.body)["id"]?.string }
            #expect(ids == [first.id.text, second.id.text, first.id.text, second.id.text])
        }
    }

    @Test func `burns no attempt of its job by retries`() async throws {
        try await run { rig, track in
            let core = FakeCore(Array(repeating: .unreachable("refused"), count: 4))
            let event = try await tell(rig, .trackReady, track)
            let sender = try sender(rig, core)
            for _ in 0..<4 {
                _ = try await work(rig, sender)
                rig.time.advance(by: .seconds(600))
            }
            let jobs = try await rig.ledger.write("test.claim") { tx in
                try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 4, lease: .seconds(30))
            }
            #expect(jobs.first?.attempt == 1)
            #expect(try await delivery(rig, event).attempts == 4)
        }
    }

    @Test func `counts what became of each try`() async throws {
        try await run { rig, track in
            let metrics = Metrics()
            let core = FakeCore([.unreachable("refused"), .status(400, retryAfter: nil)])
            let sender = CallbackSender(
                ledger: rig.ledger, configuration: .init(coreURL: "http://core", coreAPIKey: nil, secrets: []),
                time: rig.time, metrics: metrics, post: core.post)
            for _ in 0..<2 { _ = try await tell(rig, .trackReady, track) }
            _ = try await work(rig, sender)
            rig.time.advance(by: .seconds(2))
            _ = try await work(rig, sender)
            for status in ["retried", "dead", "delivered"] {
                let line = #"webhook_deliveries_total{event_type="track.ready",status="\#(status)"} 1"#
                #expect(metrics.text.contains(line), "\(metrics.text)")
            }
        }
    }

    @Test func `gives up an event that is refused, and goes on to the next`() async throws {
        try await run { rig, track in
            let core = FakeCore([.status(422, retryAfter: nil)])
            let first = try await tell(rig, .trackFailed, track)
            let second = try await tell(rig, .trackReady, track)
            #expect(try await work(rig, sender(rig, core)) == .settled)
            let dead = try await delivery(rig, first)
            #expect(dead.state == .dead)
            #expect(dead.lastStatus == 422)
            #expect(try await delivery(rig, second).state == .done)
        }
    }

    @Test func `leaves an endpoint alone while its circuit is open, and burns nothing by it`() async throws {
        try await run { rig, track in
            let core = FakeCore(Array(repeating: .status(500, retryAfter: nil), count: 5))
            let event = try await tell(rig, .trackReady, track)
            let sender = try sender(rig, core)
            for _ in 0..<5 {
                _ = try await work(rig, sender)
                rig.time.advance(by: .seconds(3000))
            }
            let opened = try await rig.ledger.read("test.circuit") { tx in try tx.circuits.find("core") }
            #expect(opened.state == .open)
            let other = try await rig.publish("trk_b", generation: "gen_2")
            // Just opened again by its probe, so that another track's event has to wait.
            try await rig.ledger.write("test.open") { tx in
                try tx.circuits.set(
                    CircuitRow(
                        endpoint: "core", state: .open, failures: 5, probeAt: tx.now + .seconds(30), wait: .seconds(30))
                )
            }
            rig.time.advance(by: .seconds(20))
            let late = try await tell(rig, .trackReady, other)
            let jobs = try await rig.ledger.write("test.claim") { tx in
                try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 4, lease: .seconds(30))
            }
            let job = try #require(jobs.first { $0.trackID == other.id })
            #expect(try await sender.run(job) == .postponed(until: rig.time.now + .seconds(10)))
            #expect(core.requests.count == 5)
            #expect(try await delivery(rig, late).attempts == 0)
            #expect(try await delivery(rig, event).attempts == 5)
        }
    }

    @Test func `says nothing any more once its job is another's`() async throws {
        try await run { rig, track in
            let event = try await tell(rig, .trackReady, track)
            let jobs = try await rig.ledger.write("test.claim") { tx in
                try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 1, lease: .seconds(30))
            }
            let job = try #require(jobs.first)
            let late = CallbackSender(
                ledger: rig.ledger, configuration: .init(coreURL: "http://core", coreAPIKey: nil, secrets: []),
                time: rig.time
            ) { [ledger = rig.ledger, time = rig.time] _ in
                // It sleeps past its lease on the way, and the answer comes late.
                time.advance(by: .seconds(31))
                let reaped = try? await ledger.write("test.reap") { tx in try tx.jobs.reap() }
                #expect(reaped == 1)
                return .status(422, retryAfter: nil)
            }
            await #expect(throws: LeaseLost.self) { try await late.run(job) }
            let left = try await delivery(rig, event)
            #expect(left.state == .pending)
            #expect(left.attempts == 0)
            let core = FakeCore([])
            #expect(try await work(rig, sender(rig, core)) == .settled)
            #expect(try await delivery(rig, event).state == .done)
        }
    }

    @Test func `leaves the circuit alone once its job is another's`() async throws {
        try await run { rig, track in
            _ = try await tell(rig, .trackReady, track)
            let jobs = try await rig.ledger.write("test.claim") { tx in
                try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 1, lease: .seconds(30))
            }
            let job = try #require(jobs.first)
            let late = CallbackSender(
                ledger: rig.ledger, configuration: .init(coreURL: "http://core", coreAPIKey: nil, secrets: []),
                time: rig.time
            ) { [ledger = rig.ledger] _ in
                let settled = try? await ledger.write("test.lose") { tx in try tx.jobs.settle(job.lease, .returned) }
                #expect(settled == true)
                return .unreachable("cut")
            }
            await #expect(throws: LeaseLost.self) { try await late.run(job) }
            let circuit = try await rig.ledger.read("test.circuit") { tx in try tx.circuits.find("core") }
            #expect(circuit.failures == 0)
        }
    }

    @Test func `has a job again for what is left to tell, after its job died or was cancelled`() async throws {
        try await run { rig, track in
            var tracks = [track]
            for name in ["b", "c", "d"] {
                tracks.append(try await rig.publish("trk_\(name)", generation: "gen_\(name)"))
            }
            for one in tracks { _ = try await tell(rig, .trackReady, one) }
            let claimed = try await rig.ledger.write("test.claim") { tx in
                try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 3, lease: .seconds(30))
            }
            #expect(claimed.count == 3)
            // One dies, one is cancelled; a third goes on, and one waits.
            try await rig.ledger.write("test.end") { tx in
                _ = try tx.jobs.settle(claimed[0].lease, .dead(error: "broken"))
                _ = try tx.jobs.settle(claimed[1].lease, .returned)
                _ = try tx.jobs.cancel(claimed[1].id)
            }
            for _ in 0..<2 { try await CallbackSweep(ledger: rig.ledger, page: 1).run() }
            let again = try await rig.ledger.write("test.claim") { tx in
                try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 9, lease: .seconds(30))
            }
            let wanted = Set(tracks.map(\.id)).subtracting([claimed[2].trackID].compactMap { $0 })
            #expect(Set(again.compactMap(\.trackID)) == wanted)
            #expect(again.count == 3)
            let core = FakeCore([])
            for job in again { #expect(try await sender(rig, core).run(job) == .settled) }
            #expect(core.requests.count == 3)
        }
    }

    @Test func `is asked for once, however many events a track has`() async throws {
        try await run { rig, track in
            for _ in 0..<3 { _ = try await tell(rig, .trackReady, track) }
            let jobs = try await rig.ledger.write("test.claim") { tx in
                try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 9, lease: .seconds(30))
            }
            #expect(jobs.map(\.kind) == ["deliver"])
        }
    }

    @Test func `speaks to a real server, which verifies what it got`() async throws {
        try await run { rig, track in
            let core = WireCore(key: try #require(Base64.decode(Self.secret.dropFirst(6))))
            var configuration = ServerConfiguration(listen: "127.0.0.1:0")
            configuration.reactors = 1
            let server = HTTPServer(configuration, responder: core)
            let address = try server.start()
            let client = try HTTPClient(.init(addresses: .anywhere))
            let sender = CallbackSender(
                ledger: rig.ledger,
                configuration: .init(
                    coreURL: "http://\(address)", coreAPIKey: nil,
                    secrets: [try #require(CallbackSecret(Self.secret))]), time: rig.time
            ) { request in
                do throws(ClientFailure) {
                    let answer = try await client.send(
                        ClientRequest("POST", request.url, fields: request.fields, body: .bytes(request.body)))
                    return .status(answer.status, retryAfter: answer.fields["retry-after"])
                } catch {
                    return .unreachable(error.message)
                }
            }
            let event = try await tell(rig, .trackQuarantined, track)
            let until = rig.time.now + .seconds(40)
            #expect(try await work(rig, sender) == .postponed(until: until), "as Retry-After asks")
            rig.time.advance(by: .seconds(40))
            #expect(try await work(rig, sender) == .settled)
            #expect(core.verified == [event.id.text, event.id.text])
            #expect(try await delivery(rig, event).state == .done)
            await server.drain(within: .zero)
        }
    }

    @Test func `tells nobody where there is no core API`() async throws {
        try await StreamRig.run { rig in
            let track = try await rig.publish("trk_a")
            _ = try await tell(rig, .trackReady, track)
            let jobs = try await rig.ledger.write("test.claim") { tx in
                try tx.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 9, lease: .seconds(30))
            }
            #expect(jobs.isEmpty)
        }
    }
}
