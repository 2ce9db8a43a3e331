import Core
import Ledger
import Testing

@testable import StreamCoord

@Suite(.timeLimit(.minutes(5))) struct `A circuit` {
    private let start = Timestamp(seconds: 1_800_000_000)
    private func closed() -> Circuit { Circuit(CircuitRow(endpoint: "core")) }

    private func opened() -> Circuit {
        var circuit = closed()
        for _ in 0..<5 { circuit.failed(at: start) }
        return circuit
    }

    @Test func `opens at the fifth failure in a row`() {
        var circuit = closed()
        for _ in 0..<4 { circuit.failed(at: start) }
        #expect(circuit.ask(at: start) == .go)
        circuit.failed(at: start)
        #expect(circuit.ask(at: start) == .wait(until: start + .seconds(30)))
    }

    @Test func `counts anew after an answer`() {
        var circuit = closed()
        for _ in 0..<4 { circuit.failed(at: start) }
        circuit.answered()
        circuit.failed(at: start)
        #expect(circuit.ask(at: start) == .go)
    }

    @Test func `lets one probe through when its time has come`() {
        var circuit = opened()
        let probe = start + .seconds(30)
        #expect(circuit.ask(at: probe) == .go)
        #expect(circuit.ask(at: probe) == .wait(until: probe + Circuit.probeTime))
    }

    @Test func `sends another probe where the first never came back`() {
        var circuit = opened()
        let probe = start + .seconds(30)
        _ = circuit.ask(at: probe)
        #expect(circuit.ask(at: probe + Circuit.probeTime) == .go)
    }

    @Test func `doubles its wait up to ten minutes`() {
        var circuit = opened()
        var now = start
        var waits: [Int64] = []
        for _ in 0..<7 {
            guard case .wait(let until) = circuit.ask(at: now) else { break }
            waits.append((until - now).components.seconds)
            now = until
            #expect(circuit.ask(at: now) == .go)
            circuit.failed(at: now)
        }
        #expect(waits == [30, 60, 120, 240, 480, 600, 600])
    }

    @Test func `closes at any answer to its probe`() {
        var circuit = opened()
        _ = circuit.ask(at: start + .seconds(30))
        circuit.answered()
        #expect(circuit.row == CircuitRow(endpoint: "core"))
    }

    @Test func `is not moved by a call that began before it opened`() {
        var circuit = opened()
        let row = circuit.row
        circuit.failed(at: start + .seconds(5))
        #expect(circuit.row.probeAt == row.probeAt)
    }
}

@Suite(.timeLimit(.minutes(5))) struct `An endpoint's answer` {
    private static let now = Timestamp(seconds: 1_800_000_000)

    @Test(arguments: [200, 201, 204, 299]) func `of 2xx accepts`(_ status: Int) {
        #expect(CallbackVerdict.of(status: status, retryAfter: nil, from: .core, at: Self.now) == .accepted)
    }

    @Test(arguments: [408, 425, 429, 500, 502, 503, 504]) func `that passes is asked again`(_ status: Int) {
        for receiver in [CallbackVerdict.Receiver.core, .webhook] {
            #expect(
                CallbackVerdict.of(status: status, retryAfter: nil, from: receiver, at: Self.now) == .again(after: nil))
        }
    }

    @Test(arguments: [401, 403, 404]) func `amid a deploy of the core loses nothing`(_ status: Int) {
        #expect(CallbackVerdict.of(status: status, retryAfter: nil, from: .core, at: Self.now) == .again(after: nil))
        #expect(
            CallbackVerdict.of(status: status, retryAfter: nil, from: .webhook, at: Self.now)
                == .refused(disables: false))
    }

    @Test(arguments: [301, 302, 307, 308, 400, 405, 409, 413, 422]) func `of another kind is final`(_ status: Int) {
        #expect(
            CallbackVerdict.of(status: status, retryAfter: nil, from: .core, at: Self.now) == .refused(disables: false))
    }

    @Test func `of 410 ends the event, and a tenant's webhook`() {
        #expect(
            CallbackVerdict.of(status: 410, retryAfter: nil, from: .webhook, at: Self.now) == .refused(disables: true))
        #expect(
            CallbackVerdict.of(status: 410, retryAfter: nil, from: .core, at: Self.now) == .refused(disables: false))
    }

    @Test func `says when in seconds or by a date, and never past a day`() {
        let date = (Self.now + .seconds(90)).httpDate
        for (field, wait) in [
            ("120", Duration.seconds(120)), (date, .seconds(90)), ("999999999999", .seconds(86_400)), ("-5", nil),
            ("soon", nil), ("Sun, 06 Nov 1994 08:49:37 GMT", .zero),
        ] {
            let verdict = CallbackVerdict.of(status: 503, retryAfter: field, from: .core, at: Self.now)
            #expect(verdict == .again(after: wait), "\(field)")
        }
    }

    @Test func `is waited for by the schedule, and after the twelfth try no more`() {
        let waits = (1...11).map { attempt in
            CallbackVerdict.nextTry(after: attempt, asked: nil, at: Self.now, random: 0.5).map { $0 - Self.now }
        }
        #expect(
            waits.map { $0?.components.seconds } == [
                1, 5, 30, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400,
            ])
        #expect(CallbackVerdict.nextTry(after: 12, asked: nil, at: Self.now) == nil)
    }

    @Test func `is spread by a fifth to either side`() {
        for random in [0.0, 0.25, 0.999] {
            let wait = CallbackVerdict.nextTry(after: 3, asked: nil, at: Self.now, random: random).map { $0 - Self.now }
            #expect((Duration.seconds(24)...Duration.seconds(36)).contains(wait ?? .zero))
        }
    }

    @Test func `that asks for longer than the schedule gets it`() {
        let next = CallbackVerdict.nextTry(after: 1, asked: .seconds(60), at: Self.now)
        #expect(next == Self.now + .seconds(60))
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A callback's signature` {
    private let event = EventID(checked: "msg_p5jXN8AQM9LWM0D4loKWxJek")
    private let body = Array(#"{"test": 2432232314}"#.utf8)

    /// The example of the Standard Webhooks specification's libraries.
    @Test func `is that of Standard Webhooks`() throws {
        let secret = try #require(CallbackSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let fields = CallbackSignature.fields(
            id: event, at: Timestamp(seconds: 1_614_265_330), body: body, secrets: [secret])
        let found = Dictionary(uniqueKeysWithValues: fields)
        #expect(found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        #expect(found["webhook-id"] == event.text)
        #expect(found["webhook-timestamp"] == "1614265330")
        #expect(found["X-Webhook-Timestamp"] == "1614265330")
        #expect(
            found["X-Webhook-Signature"] == "sha256=e96203c6de850e7dc1fde7489ef6140b402d3a5a64fe250cd2eef9830fac1cef")
    }

    @Test func `is made with each live secret, the current first`() throws {
        let current = try #require(CallbackSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let previous = try #require(CallbackSecret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"))
        let fields = CallbackSignature.fields(
            id: event, at: Timestamp(seconds: 1_614_265_330), body: body, secrets: [current, previous])
        let signatures = fields.first { $0.0 == "webhook-signature" }?.1.split(separator: " ") ?? []
        #expect(signatures.count == 2)
        #expect(signatures.first == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        #expect(Set(signatures).count == 2)
    }

    @Test(arguments: ["", "whsec_", "whsec_####", "whsec_YWJj", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    func `needs a secret of the standard's form`(_ text: String) { #expect(CallbackSecret(text) == nil) }
}
