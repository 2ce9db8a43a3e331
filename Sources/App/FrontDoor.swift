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
        // The address itself may hold a token, so the pattern that it matched stands for it.
        let route = match?.pattern ?? "none"
        let took = ContinuousClock.now - began
        logFault(of: response, request, route)
        response.body = logging(response.body, request.id)
        metrics.add(
            "http_requests_total", help: "Requests answered.",
            labels: [("method", request.method.label), ("route", route), ("status_code", String(response.status))])
        metrics.observe(
            "http_request_duration_seconds", took.inSeconds, help: "Time to the answer's head.",
            labels: [("route", route)])
        log.debug(
            "request",
            [
                ("request", request.id.text), ("method", request.method.label), ("route", route),
                ("status", String(response.status)), ("ms", String(took.milliseconds)),
            ])
        return response
    }

    private func answer(_ request: Request, _ match: Router.Match?) async -> Response {
        do {
            return try await router.handle(request, match)
        } catch {
            return Problem.envelope(Self.refusal(of: error), requestID: request.id)
        }
    }

    /// Each failure of the service once, whoever made the answer: here every answer passes.
    private func logFault(of response: Response, _ request: Request, _ route: String) {
        guard response.status == 500 || response.fault != nil else { return }
        let fields = [
            ("request", request.id.text), ("method", request.method.label), ("route", route),
            ("status", String(response.status)), ("reason", response.fault ?? "unknown"),
        ]
        if response.status == 500 { log.error("request.failed", fields) } else { log.warning("request.failed", fields) }
    }

    /// A body that fails while it is written ends the connection; only the log can say why.
    private func logging(_ content: Response.Content, _ request: RequestID) -> Response.Content {
        typealias Write = @Sendable (StreamWriter) async throws -> Void
        let log = log
        func logged(_ write: @escaping Write) -> Write {
            { writer in
                do {
                    try await write(writer)
                } catch {
                    // The client has left, or the server stops.
                    if !(error is BodyFailure || error is CancellationError) {
                        log.error("response.failed", [("request", request.text), ("reason", "\(error)")])
                    }
                    throw error
                }
            }
        }
        switch content {
        case .none, .bytes, .file: return content
        case .counted(let count, let write): return .counted(count, logged(write))
        case .stream(let write): return .stream(logged(write))
        }
    }

    /// The one place where errors of all rooms become answers.
    static func refusal(of error: any Error) -> Refusal {
        switch error {
        case let refusal as Refusal: refusal
        case let failure as AccessFailure: failure.refusal
        case let failure as IngestFailure: failure.refusal
        case let failure as StreamFailure: failure.refusal
        case let failure as LedgerFailure: failure.refusal
        case let failure as BlobFailure: refusal(of: failure)
        case let failure as BodyFailure: Refusal(.invalidRequest, "The body did not come whole: \(failure.kind).")
        case is CancellationError: .stopping
        default: Refusal(.internal, cause: "\(error)")
        }
    }

    private static func refusal(of failure: BlobFailure) -> Refusal {
        switch failure.kind {
        case .full: Refusal(.insufficientStorage)
        case .away: .unavailable("The store is temporarily unavailable. Retry the request.", cause: failure.message)
        case .absent, .refused: Refusal(.internal, cause: failure.message)
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
