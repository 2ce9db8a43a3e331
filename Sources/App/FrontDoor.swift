import Core
import HTTPServer
import Access
import Ingest
import Ledger
import Storage
import StreamCoord

/// The outermost layer of every request: who answers, what an error becomes, which fields every answer bears, what is
/// counted and logged.
struct FrontDoor: Responder {
    private let router: Router
    private let delivery: Delivery?
    private let cors: CORS
    private let log: Log
    private let metrics: Metrics
    private let proxies: TrustedProxies
    private let gate: RateGate
    /// What OPTIONS says of /files, a browser's preflight included.
    private let uploadAbilities: [(String, String)]

    init(
        router: Router, delivery: Delivery?, cors: CORS, log: Log, metrics: Metrics, proxies: TrustedProxies,
        gate: RateGate, uploadAbilities: [(String, String)] = []
    ) {
        self.proxies = proxies
        self.gate = gate
        self.uploadAbilities = uploadAbilities
        self.router = router
        self.delivery = delivery
        self.cors = cors
        self.log = log
        self.metrics = metrics
    }

    func quick(_ head: borrowing RequestHead) -> QuickFile? { delivery?.quick(head) }

    func respond(to request: Request) async -> Response {
        let began = ContinuousClock.now
        let request = proxies.restored(request)
        let origin = request.fields["origin"]
        let match = router.match(request.path)
        var response: Response
        if request.method == .options, origin != nil, request.fields["access-control-request-method"] != nil {
            response = cors.preflight(origin: origin)
            if request.path == "/files" || request.path.hasPrefix("/files/") { response.fields += uploadAbilities }
        } else {
            response = await gate.noting { await answer(request, match) }
        }
        response.fields += cors.fields(origin: origin)
        // The address itself may hold a token, so what is told is the pattern it matched.
        let route = match?.pattern ?? "none"
        let took = ContinuousClock.now - began
        metrics.add(
            "http_requests_total", help: "Requests answered.",
            labels: [("method", request.method.text), ("route", route), ("status_code", String(response.status))])
        metrics.observe(
            "http_request_duration_seconds", took.inSeconds, help: "Time to the answer's head.",
            labels: [("route", route)])
        log.debug(
            "request",
            [
                ("request", request.id.text), ("method", request.method.text), ("route", route),
                ("status", String(response.status)), ("ms", String(took.milliseconds)),
            ])
        return response
    }

    private func answer(_ request: Request, _ match: Router.Match?) async -> Response {
        do {
            return try await router.handle(request, match)
        } catch {
            let refusal = Self.refusal(of: error)
            if refusal.code == .internal {
                log.error("request.failed", [("request", request.id.text), ("reason", "\(error)")])
            }
            return Problem.envelope(refusal, requestID: request.id)
        }
    }

    /// The one place where errors of all rooms become answers.
    static func refusal(of error: any Error) -> Refusal {
        switch error {
        case let refusal as Refusal: refusal
        case let failure as AccessFailure: failure.refusal
        case let failure as IngestFailure: failure.refusal
        case let failure as StreamFailure: failure.refusal
        case let failure as LedgerFailure: refusal(of: failure)
        case let failure as BlobFailure where failure.kind == .full: Refusal(.insufficientStorage)
        case let failure as BodyFailure: Refusal(.invalidRequest, "The body did not come whole: \(failure.kind).")
        case is CancellationError: Refusal(.internal, "The server is stopping.")
        default: Refusal(.internal)
        }
    }

    private static func refusal(of failure: LedgerFailure) -> Refusal {
        switch failure.kind {
        case .full: Refusal(.insufficientStorage)
        case .queueFull(let queue, let depth, let maximum, let wait):
            Refusal(
                .queueOverloaded,
                details: [
                    JSON.object([
                        ("queue", .string(queue.rawValue)), ("queueDepth", .integer(Int64(depth))),
                        ("maxQueueDepth", .integer(Int64(maximum))),
                    ]).text
                ], fields: [("Retry-After", String(max(1, (wait.microseconds + 999_999) / 1_000_000)))])
        case .unavailable, .overloaded, .raced:
            Refusal(.internal, "The ledger cannot be asked now; send it again.", fields: [("Retry-After", "5")])
        case .refused, .readOnly, .corrupt, .newerSchema, .changedMigration, .closed, .conflict, .program:
            Refusal(.internal)
        }
    }
}

/// Which pages of other sites may read our answers.
struct CORS: Sendable {
    private let origins: [String]

    init(origins: [String]) { self.origins = origins }

    private var isOpen: Bool { origins.contains("*") }

    /// What every answer bears, whoever asks; empty where it depends on the asker.
    var open: [(String, String)] {
        isOpen ? [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", Self.exposed)] : []
    }

    func fields(origin: String?) -> [(String, String)] {
        if isOpen { return open }
        guard let origin, origins.contains(origin) else { return [("Vary", "Origin")] }
        return [
            ("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", Self.exposed),
            ("Vary", "Origin"),
        ]
    }

    func preflight(origin: String?) -> Response {
        Response(
            status: 204,
            fields: [
                ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
                ("Access-Control-Allow-Headers", Self.allowed), ("Access-Control-Max-Age", "86400"),
            ])
    }

    private static let allowed =
        "Authorization, Content-Type, Content-Range, Content-Disposition, Content-Digest, Repr-Digest, Want-Repr-Digest, "
        + "Idempotency-Key, Range, If-Range, If-None-Match, Last-Event-ID, X-API-Key, X-Request-Id, traceparent, Tus-Resumable, "
        + "Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum, Upload-Concat, Upload-Defer-Length, Upload-Complete, "
        + "Upload-Incomplete, Upload-Draft-Interop-Version, X-HTTP-Method-Override"
    private static let exposed =
        "Content-Range, Content-Length, Accept-Ranges, ETag, Location, Range, Retry-After, X-Request-Id, X-Upload-Id, X-Track-Id, "
        + "Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Upload-Offset, Upload-Length, Upload-Expires, Upload-Complete, "
        + "Upload-Incomplete, Upload-Draft-Interop-Version, Upload-Metadata, Upload-Concat, Upload-Defer-Length, Repr-Digest, "
        + "Tus-Checksum-Algorithm, "
        + "Upload-Limit, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"
}
