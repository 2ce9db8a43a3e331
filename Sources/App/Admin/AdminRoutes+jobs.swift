import Core
import Events
import HTTPServer
import Ingest
import Ledger
import StreamCoord

extension AdminRoutes {
    func queues(_ request: Request, _ admin: Admin) async throws -> Response {
        let tenant = try admin.scope(request.query)
        let shown = try await ledger.read("admin.queues") { tx in
            let paused = try tx.queues.paused()
            let dead = try tx.deadLetters.counts(tenant: tenant)
            return try Queue.allCases.map { queue -> JSON in
                let counts = try tenant.map { try tx.jobs.counts(queue, tenant: $0) } ?? tx.queues.counts(queue)
                var members: [(String, JSON)] = [
                    ("queue", .string(queue.rawValue)), ("weight", .integer(Int64(queue.weight))),
                    ("paused", .bool(paused.contains(queue))),
                    ("depth", .integer(Int64(counts[.queued] ?? 0))),
                    ("oldestAt", .optional(try tx.jobs.oldest(queue, tenant: tenant))),
                ]
                for state in JobState.allCases where state != .queued {
                    let count = state == .dead ? dead[queue] : counts[state]
                    members.append((state.rawValue, .integer(Int64(count ?? 0))))
                }
                return .object(members)
            }
        }
        return .data(200, .array(shown))
    }

    func setPaused(_ request: Request, _ admin: Admin, _ paused: Bool) async throws -> Response {
        try admin.mustBeOperator(paused ? "Pausing a queue" : "Resuming a queue")
        let name = try request.parameter("queue", String.self)
        guard let queue = Queue(rawValue: name) else {
            throw Refusal(.notFound, "There is no such queue; there are \(Self.names(Queue.self)).")
        }
        try await ledger.write("admin.pause") { tx in
            // Asked twice is done once, and told once.
            guard try tx.queues.paused().contains(queue) != paused else { return }
            if paused { try tx.queues.pause(queue) } else { try tx.queues.resume(queue) }
            try admin.audit(paused ? "queue.pause" : "queue.resume", queue.rawValue, in: tx)
        }
        return .data(200, ["queue": .string(queue.rawValue), "paused": .bool(paused)])
    }

    func jobs(_ request: Request, _ admin: Admin) async throws -> Response {
        let ask = try ListQuery(request.query)
        let state = try Self.word(request.query, "state", JobState.self)
        let queue = try Self.word(request.query, "queue", Queue.self)
        let tenant = try admin.scope(request.query)
        let page = try await ledger.read("admin.jobs") { tx in
            try tx.jobs.list(state: state, queue: queue, tenant: tenant, from: ask.position, limit: ask.limit)
        }
        return .data(200, .array(page.rows.map { .object($0.shown) }), pagination: ask.pagination(of: page))
    }

    func job(_ request: Request, _ admin: Admin) async throws -> Response {
        let id = try request.parameter("job", JobID.self)
        let found = try await ledger.read("admin.job") { tx in try tx.jobs.find(id) }
        guard let found, admin.mayReach(found.job.tenant) else { throw Self.noSuchJob }
        return .data(200, Self.shown(found.job, found.attempts))
    }

    /// A queued job is wanted no more. Where it would have made a track ready, the track fails and says why.
    func cancel(_ request: Request, _ admin: Admin) async throws -> Response {
        let id = try request.parameter("job", JobID.self)
        let (events, requestID) = (events, request.id)
        let found = try await ledger.write("admin.cancel") { tx in
            guard let job = try tx.jobs.find(id)?.job, admin.mayReach(job.tenant) else { throw Self.noSuchJob }
            guard try tx.jobs.cancel(id), let found = try tx.jobs.find(id) else {
                throw Refusal(.invalidRequest, "The job is \(job.state.rawValue); only a queued one can be cancelled.")
            }
            if job.kind == Pipeline.kind, let track = job.trackID,
                try tx.tracks.fail(track, code: .internal, message: "Its preparation was cancelled by an operator."),
                let failed = try tx.tracks.find(track)
            {
                try events.tell(.trackFailed, of: failed, requestID: requestID, in: tx)
            }
            try admin.audit("job.cancel", id.text, tenant: job.tenant, in: tx)
            return found
        }
        if found.job.kind == Pipeline.kind, let upload = found.job.uploadID { try await uploads.release(upload) }
        return .data(200, Self.shown(found.job, found.attempts))
    }

    // MARK: Words

    static let noSuchJob = Refusal(.notFound, "There is no such job.")

    static func names<Word: RawRepresentable<String> & CaseIterable>(_: Word.Type) -> String {
        Word.allCases.map(\.rawValue).joined(separator: ", ")
    }

    static func word<Word: RawRepresentable<String> & CaseIterable>(
        _ query: Query, _ name: String, _: Word.Type
    ) throws(Refusal) -> Word? {
        guard let text = query[name] else { return nil }
        guard let word = Word(rawValue: text) else {
            throw Refusal(.invalidRequest, "\(name) must be one of \(names(Word.self)).")
        }
        return word
    }

    static func shown(_ job: JobRow, _ attempts: [JobAttempt]) -> JSON {
        let attempts = attempts.map { attempt -> JSON in
            [
                "at": .string(attempt.at.description), "node": .optional(attempt.node?.text),
                "error": .string(attempt.error),
            ]
        }
        return .object(job.shown + [("attempts", .array(attempts))])
    }
}

extension JobRow {
    var shown: [(String, JSON)] {
        [
            ("id", .string(id.text)), ("kind", .string(kind)), ("queue", .string(queue.rawValue)),
            ("state", .string(state.rawValue)), ("tenant", .string(tenant.text)),
            ("trackId", .optional(trackID?.text)), ("uploadId", .optional(uploadID?.text)),
            ("attempt", .integer(Int64(attempt))),
            // Rows of an earlier version name more than the pool tries.
            ("maximumAttempts", .integer(Int64(min(maximumAttempts, NewJob.usualAttempts)))),
            ("priority", .integer(Int64(priority))), ("runAt", .string(runAt.description)),
            ("createdAt", .string(createdAt.description)), ("finishedAt", .optional(finishedAt)),
            ("requestId", .optional(requestID?.text)), ("error", .optional(lastError)),
        ]
    }
}
