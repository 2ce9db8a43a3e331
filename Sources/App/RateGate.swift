import Access
import Core
import HTTPServer
import Synchronization

/// Counts requests against `SLUICE_RATE_LIMIT`, once each: by the caller's key or user, tenant and address where the caller
/// is known, by the address alone where the key was wrong. The bytes of uploads and of streams never count.
struct RateGate: Sendable {
    /// How the caller of the request under way stands: found by the handler, told by the front door.
    final class Note: Sendable {
        private let standing = Mutex<Standing?>(nil)

        var value: Standing? { standing.withLock(\.self) }

        fileprivate func set(_ value: Standing) { standing.withLock { $0 = value } }
    }

    /// Bound to one request's task by the front door.
    @TaskLocal static var note: Note?

    private let limit: RateLimit?
    private let metrics: Metrics

    /// Nil is no limit.
    init(_ rate: Rate?, time: any TimeSource, metrics: Metrics) {
        limit = rate.map { RateLimit($0, time: time) }
        self.metrics = metrics
    }

    /// Runs `answer` with a note of its own, and adds what was noted to the answer.
    func noting(_ answer: () async -> Response) async -> Response {
        guard limit != nil else { return await answer() }
        let note = Note()
        var response = await Self.$note.withValue(note) { await answer() }
        if let standing = note.value, standing.isAllowed { response.fields += standing.fields }
        return response
    }

    /// Throws the refusal of who asks too often.
    func count(_ request: Request, of principal: Principal?) throws(Refusal) {
        guard let limit, !Self.isFree(request, principal), Self.note?.value == nil else { return }
        let standing = limit.take((principal?.rateSubjects ?? []) + [.address(request.peer.bytes)])
        Self.note?.set(standing)
        guard let refusal = standing.refusal else { return }
        metrics.add(
            "security_rate_limit_hits_total", help: "Requests refused because too many came.",
            labels: [("route", request.route ?? "none")])
        throw refusal
    }

    private static func isFree(_ request: Request, _ principal: Principal?) -> Bool {
        // Chunks and appended bytes; creating an upload counts.
        if request.method == .patch { return true }
        if request.method == .put, request.route?.hasPrefix("/v1/uploads/") ?? false { return true }
        // The command line on the server's own machine is the operator.
        return principal?.user == .local && request.peer.isLoopback
    }
}
