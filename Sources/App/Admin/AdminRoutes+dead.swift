import Core
import Events
import HTTPServer
import Ledger
import StreamCoord

/// Dead letters: jobs without attempts left, and deliveries that their endpoint rejected.
extension AdminRoutes {
    func dead(_ request: Request, _ admin: Admin) async throws -> Response {
        let ask = try ListQuery(request.query)
        let queue = try Self.word(request.query, "queue", Queue.self)
        let tenant = try admin.scope(request.query)
        let page = try await ledger.read("admin.dead") { tx in
            try tx.deadLetters.list(queue: queue, tenant: tenant, from: ask.position, limit: ask.limit)
        }
        return .data(200, .array(page.rows.map(\.shown)), pagination: ask.pagination(of: page))
    }

    func retry(_ request: Request, _ admin: Admin) async throws -> Response {
        let id = try request.parameter("letter", JobID.self)
        let shown = try await ledger.write("admin.retry") { tx in
            if let delivery = try tx.deliveries.find(id.text) { return try retry(delivery, admin, tx) }
            guard let job = try tx.jobs.find(id)?.job, admin.mayReach(job.tenant) else { throw Self.noSuchLetter }
            guard try tx.jobs.retryDead(id), let found = try tx.jobs.find(id) else {
                throw Refusal(
                    .invalidRequest,
                    job.state == .dead
                        ? "The same work is queued or running already."
                        : "The job is \(job.state.rawValue); only a dead one can be retried.")
            }
            try admin.audit("dead.retry", id.text, tenant: job.tenant, in: tx)
            return Self.shown(found.job, found.attempts)
        }
        return .data(200, shown)
    }

    private func retry(_ delivery: DeliveryRow, _ admin: Admin, _ tx: Transaction) throws -> JSON {
        guard admin.mayReach(delivery.tenant) else { throw Self.noSuchLetter }
        guard delivery.state == .dead, try Self.putBack(delivery, tx), let row = try tx.deliveries.find(delivery.id)
        else {
            throw Refusal(
                .invalidRequest, "The delivery is \(delivery.state.rawValue); only a dead one can be retried.")
        }
        try admin.audit("dead.retry", row.id, tenant: row.tenant, in: tx)
        return DeadLetter.delivery(row, try tx.outbox.find(row.eventID)?.type).shown
    }

    private static func putBack(_ delivery: DeliveryRow, _ tx: Transaction) throws -> Bool {
        guard try tx.deliveries.redeliver(delivery.id) else { return false }
        try CoreCallback.resume(delivery, in: tx)
        return true
    }

    private static func putBack(_ letter: DeadLetter, _ tx: Transaction) throws -> Bool {
        switch letter {
        case .job(let job): try tx.jobs.retryDead(job.id)
        case .delivery(let delivery, _): try putBack(delivery, tx)
        }
    }

    /// Between two replays of the same rows, so that what dies at once again does not keep every worker busy.
    static let cooldown = Duration.seconds(15)

    /// Puts the oldest dead letters back: the operator everybody's, others their tenant's.
    func replay(_ request: Request, _ admin: Admin) async throws -> Response {
        let body = try await RequestBody(of: request)
        let expected = "a whole number from 1 to 500"
        let limit = try body.value("limit", expected) { json in
            json.integer.flatMap { (1...500).contains($0) ? Int($0) : nil }
        }
        guard let limit else { throw Refusal(.invalidRequest, "limit is missing; send \(expected).") }
        let tenant = try admin.scope(request.query)
        let (count, remaining) = try await ledger.write("admin.replay") { tx in
            // One cooldown for all who may reach the same rows, kept where every node sees it.
            let name = "dead.replay:\(tenant.map { $0.text } ?? "*")"
            if let wait = try tx.settings.untilTurn(name, every: Self.cooldown) { throw Self.tooSoon(wait) }
            let letters = try tx.deadLetters.replayable(tenant: tenant, limit: limit)
            // A dead `deliver` job goes first: the deliveries of its pair then need no second one.
            let jobsFirst = letters.filter(\.isJob) + letters.filter { !$0.isJob }
            let count = try jobsFirst.reduce(0) { try Self.putBack($1, tx) ? $0 + 1 : $0 }
            try admin.audit(
                "dead.replay", tenant?.text ?? "*", tenant: tenant,
                ["limit": .integer(Int64(limit)), "replayed": .integer(Int64(count))], in: tx)
            return (count, try tx.deadLetters.counts(tenant: tenant).values.reduce(0, +))
        }
        return .data(200, ["replayed": .integer(Int64(count)), "remaining": .integer(Int64(remaining))])
    }

    private static func tooSoon(_ wait: Duration) -> Refusal {
        let milliseconds = max(1, wait.milliseconds)
        return Refusal(
            .rateLimited, "Dead letters were replayed just now; the next replay may begin in \(milliseconds) ms.",
            fields: [("Retry-After", "\((milliseconds + 999) / 1000)")],
            members: [("retryAfterMs", "\(milliseconds)")])
    }

    private static let noSuchLetter = Refusal(.notFound, "Dead letter not found.")
}

extension DeadLetter {
    fileprivate var isJob: Bool { if case .job = self { true } else { false } }

    /// A delivery has the members of a job, and says what was sent, where to, and what came back.
    fileprivate var shown: JSON {
        switch self {
        case .job(let row): .object(row.shown)
        case .delivery(let row, let type):
            [
                "id": .string(row.id), "kind": "delivery", "queue": .string(Queue.deliver.rawValue),
                "state": .string(row.state.rawValue), "tenant": .string(row.tenant.text),
                "trackId": .string(row.trackID.text), "uploadId": .null,
                "attempt": .integer(Int64(row.attempts)),
                "maximumAttempts": .integer(Int64(CallbackVerdict.mostAttempts)), "priority": 0,
                "runAt": .string(row.nextAt.description), "createdAt": .string(row.createdAt.description),
                "finishedAt": .optional(row.state == .dead ? row.nextAt : nil), "requestId": .null,
                "error": .optional(row.lastError), "endpoint": .string(row.endpoint),
                "event": ["id": .string(row.eventID.text), "type": .optional(type?.rawValue)],
                "answer": row.lastStatus.map {
                    ["status": .integer(Int64($0)), "body": .optional(row.lastAnswer)]
                } ?? .null,
            ]
        }
    }
}
