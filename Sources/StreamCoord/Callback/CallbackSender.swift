package import Core
import Events
package import Ledger
package import Worker

/// The handler of job kind `deliver`: works the deliveries of one (endpoint, track) in order, at least once each. Their
/// retries burn no attempt of the job: it is postponed to when the next try is due.
package struct CallbackSender: Sendable {
    package struct Configuration: Sendable {
        /// Without a slash at its end; nil where there is no core API.
        package var coreURL: String?
        package var coreAPIKey: String?
        /// The current one first.
        package var secrets: [CallbackSecret]

        package init(coreURL: String?, coreAPIKey: String?, secrets: [CallbackSecret]) {
            self.coreURL = coreURL
            self.coreAPIKey = coreAPIKey
            self.secrets = secrets
        }
    }

    private let ledger: any LedgerStore
    private let configuration: Configuration
    private let time: any TimeSource
    private let post: CallbackPost
    private let metrics: Metrics

    package init(
        ledger: any LedgerStore, configuration: Configuration, time: any TimeSource,
        metrics: Metrics = Metrics(), post: @escaping CallbackPost
    ) {
        self.ledger = ledger
        self.configuration = configuration
        self.time = time
        self.post = post
        self.metrics = metrics
    }

    package func run(_ job: ClaimedJob) async throws -> Settlement {
        while true {
            try Task.checkCancellation()
            switch try await ledger.write("deliver.next", { tx in try next(job, in: tx) }) {
            case .ended(let settlement): return settlement
            case .send(let delivery, let event):
                let answer = await send(event)
                // What we cut ourselves says nothing of the endpoint.
                if answer.status == nil { try Task.checkCancellation() }
                let state = try await ledger.write("deliver.record") { tx -> DeliveryState? in
                    // Who lost the job may have sent, but says nothing: another tells what comes of this delivery by now.
                    guard try tx.jobs.hold(job.lease) else { return nil }
                    return try record(answer, of: delivery, in: tx)
                }
                guard let state else { throw LeaseLost(job: job.id) }
                metrics.add(
                    "webhook_deliveries_total", help: "Callbacks sent, by what came of them.",
                    labels: [("event_type", event.type.rawValue), ("status", Self.word(state))])
            }
        }
    }

    // MARK: What to do now

    private enum Step: Sendable {
        case ended(Settlement)
        case send(DeliveryRow, EventRow)
    }

    private func next(_ job: ClaimedJob, in tx: Transaction) throws -> Step {
        // Held, so that an event told meanwhile by another node finds this job as it will be, not as it was.
        guard try tx.jobs.hold(job.lease) else { return .ended(.settled) }
        guard let track = job.trackID, let endpoint = job.payload["endpoint"],
            let delivery = try tx.deliveries.next(endpoint: endpoint, track: track)
        else {
            // Here and not after: an event told meanwhile sees this job end, and enqueues its own.
            _ = try tx.jobs.settle(job.lease, .done)
            return .ended(.settled)
        }
        guard let event = try tx.outbox.find(delivery.eventID), endpoint == CoreCallback.endpoint,
            configuration.coreURL != nil
        else {
            // Nobody is there to be told any more: the row says so, and the next one has its turn.
            _ = try tx.deliveries.settle(
                delivery.id, .dead, attempts: delivery.attempts, nextAt: tx.now, status: nil,
                error: "There is no endpoint \(endpoint) to tell.")
            return try next(job, in: tx)
        }
        if delivery.nextAt > tx.now { return .ended(.postponed(until: delivery.nextAt)) }
        var circuit = Circuit(try tx.circuits.find(endpoint))
        switch circuit.ask(at: tx.now) {
        case .wait(let until): return .ended(.postponed(until: until))
        case .go:
            try tx.circuits.set(circuit.row)
            return .send(delivery, event)
        }
    }

    // MARK: Sending

    private func send(_ event: EventRow) async -> CallbackAnswer {
        guard let base = configuration.coreURL, let track = event.trackID,
            let path = CoreCallback.path(of: event.type, track: track)
        else { return .unsendable("The core API is not told of \(event.type.rawValue).") }
        var fields = [("Content-Type", "application/json"), ("User-Agent", "Sluice")]
        if let key = configuration.coreAPIKey { fields.append(("X-API-Key", key)) }
        if let request = event.requestID { fields.append(("X-Request-Id", request.text)) }
        fields += CallbackSignature.fields(
            id: event.id, at: time.now, body: event.body, secrets: configuration.secrets)
        return await post(CallbackRequest(url: base + path, fields: fields, body: event.body))
    }

    /// What the delivery is afterwards; pending is one that will be tried again.
    private func record(
        _ answer: CallbackAnswer, of delivery: DeliveryRow, in tx: Transaction
    ) throws -> DeliveryState {
        var circuit = Circuit(try tx.circuits.find(delivery.endpoint))
        let verdict: CallbackVerdict
        switch answer {
        case .status(let status, let retryAfter, _):
            verdict = CallbackVerdict.of(status: status, retryAfter: retryAfter, from: .core, at: tx.now)
        case .unreachable: verdict = .again(after: nil)
        case .unsendable: verdict = .refused(disables: false)
        }
        let attempts = delivery.attempts + 1
        var (state, nextAt) = (DeliveryState.done, tx.now)
        switch verdict {
        case .accepted: circuit.answered()
        case .refused:
            state = .dead
            // Only an answer says that somebody is there.
            if answer.status != nil { circuit.answered() }
        case .again(let asked):
            circuit.failed(at: tx.now)
            if let moment = CallbackVerdict.nextTry(after: attempts, asked: asked, at: tx.now) {
                (state, nextAt) = (.pending, moment)
            } else {
                state = .dead
            }
        }
        try tx.circuits.set(circuit.row)
        _ = try tx.deliveries.settle(
            delivery.id, state, attempts: attempts, nextAt: nextAt, status: answer.status, error: answer.fault,
            answer: answer.body)
        return state
    }

    private static func word(_ state: DeliveryState) -> String {
        switch state {
        case .done: "delivered"
        case .pending: "retried"
        case .dead: "dead"
        }
    }
}

/// One request to an endpoint: the bytes that were signed.
package struct CallbackRequest: Sendable {
    package let url: String
    package let fields: [(String, String)]
    package let body: [UInt8]
}

/// What came of it.
package enum CallbackAnswer: Sendable {
    /// With the start of its body, for the operator's eyes.
    case status(Int, retryAfter: String?, body: String? = nil)
    /// No answer: refused, timed out, cut.
    case unreachable(String)
    /// It could not be sent at all, and will not be later.
    case unsendable(String)

    var status: Int? { if case .status(let status, _, _) = self { status } else { nil } }
    var body: String? { if case .status(_, _, let body) = self { body } else { nil } }

    var fault: String? {
        switch self {
        case .status(200..<300, _, _): nil
        case .status(let status, _, _): "answered \(status)"
        case .unreachable(let reason), .unsendable(let reason): reason
        }
    }
}

/// Sends and waits for the answer, under a deadline of its own; follows no redirect.
package typealias CallbackPost = @Sendable (CallbackRequest) async -> CallbackAnswer
