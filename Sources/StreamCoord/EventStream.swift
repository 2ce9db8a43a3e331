import Access
package import Core
package import Events
package import HTTPServer
package import Ledger
import Synchronization

/// `GET /v1/events` and `/v1/tracks/{id}/events`: what became true, as it does (Server-Sent Events, WHATWG HTML §9.2). The
/// outbox is the truth and each stream reads it for itself; hints only wake it, so nothing piles up for a slow reader.
package struct EventStream: Sendable {
    /// Of one tenant; the next is told to come back later.
    package static let bound = 20
    static let ping = Duration.seconds(30)
    /// How long an event of another node, or progress, may go unseen.
    static let poll = Duration.seconds(1)
    private static let page = 100

    private let ledger: any LedgerStore
    private let time: any TimeSource
    private let links: TrackLinks
    private let seats = Seats()

    package init(ledger: any LedgerStore, time: any TimeSource, links: TrackLinks) {
        self.ledger = ledger
        self.time = time
        self.links = links
    }

    package func register(on router: inout Router, authorize: @escaping Authorize) {
        router.on(.get, "/v1/events") { [self] request in
            try await refusing(request) { request in
                let principal = try await authorize(request)
                try principal.mustHave(.manageTracks)
                return try await open(request, tenant: principal.tenant, track: nil)
            }
        }
        router.on(.get, "/v1/tracks/{track}/events") { [self] request in
            try await refusing(request) { request in
                let principal = try await authorize(request)
                try principal.mustHave(.manageTracks, or: .uploadAudio, .admin)
                let id = try request.parameter("track", TrackID.self)
                let row = try await ledger.read("events.track") { tx in try tx.tracks.find(id) }
                guard let row, principal.mayReach(tenant: row.tenant, owner: row.owner) else {
                    throw StreamFailure(.notFound, "There is no such track.")
                }
                return try await open(request, tenant: principal.tenant, track: id)
            }
        }
    }

    private func open(_ request: Request, tenant: TenantID, track: TrackID?) async throws -> Response {
        let after = try request.fields["last-event-id"].map { text in
            guard let sequence = Int64(text), sequence >= 0 else {
                throw StreamFailure(.invalidRequest, "Last-Event-ID must be the id of an event.")
            }
            return sequence
        }
        guard let seat = seats.take(tenant) else {
            throw StreamFailure(.tooManyStreams, "\(Self.bound) event streams are open already.")
        }
        let latest = try await ledger.read("events.latest") { tx in try tx.outbox.latest(tenant: tenant) }
        var response = Response(
            status: 200,
            fields: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"),
            ],
            body: .stream { writer in
                try await follow(tenant, track, after: after ?? latest, to: writer)
                withExtendedLifetime(seat) {}
            })
        response.endsOnDrain = true
        return response
    }

    /// Ends when the client is gone, or too slow for the server's patience: writing throws then.
    private func follow(
        _ tenant: TenantID, _ track: TrackID?, after start: Int64, to writer: StreamWriter
    ) async throws {
        var sent = start
        var progress: [TrackID: String] = [:]
        var pingAt = time.now + Self.ping
        try await writer.write(
            "retry: 2000\nevent: connected\ndata: {\"tenant\":\"\(tenant)\",\"sequence\":\(sent)}\n\n")
        while true {
            var mark = ledger.hints.mark(.events)
            let (from, limit) = (sent, Self.page)
            let events = try await ledger.read("events.after") { tx in
                try tx.outbox.after(from, tenant: tenant, track: track, limit: limit)
            }
            for event in events {
                let text = "id: \(event.sequence)\nevent: \(event.type.rawValue)\ndata: "
                try await writer.write(Array(text.utf8) + event.body + Array("\n\n".utf8))
                sent = event.sequence
            }
            if events.count == Self.page { continue }
            for text in try await moved(tenant, track, since: &progress) { try await writer.write(text) }
            if time.now >= pingAt {
                try await writer.write(": ping\n\n")
                pingAt = time.now + Self.ping
            }
            try await wait(since: &mark)
        }
    }

    /// What is on its way and came further. Without an id: it is never replayed.
    private func moved(
        _ tenant: TenantID, _ track: TrackID?, since known: inout [TrackID: String]
    ) async throws -> [String] {
        let rows = try await ledger.read("events.progress") { tx in
            guard let track else { return try tx.tracks.list(tenant: tenant, state: .processing, limit: 50).rows }
            return try tx.tracks.find(track).map { $0.state == .processing ? [$0] : [] } ?? []
        }
        var seen: [TrackID: String] = [:]
        var texts: [String] = []
        for row in rows {
            let place = "\(row.stage.rawValue) \(row.progress)"
            seen[row.id] = place
            if known[row.id] == place { continue }
            let body = EventBody(type: .trackProgress, track: row, upload: nil, links: links, requestID: nil)
            texts.append("event: track.progress\ndata: \(body.passing(at: time.now).text)\n\n")
        }
        known = seen
        return texts
    }

    private func wait(since mark: inout Hints.Mark) async throws {
        let (hints, time, seen) = (ledger.hints, time, mark)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var seen = seen
                await hints.wait(for: .events, since: &seen)
            }
            group.addTask {
                // Cancelled when the hint was first.
                try? await time.sleep(for: Self.poll)
            }
            await group.next()
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
}

/// How many streams each tenant has open.
private final class Seats: Sendable {
    private let taken = Mutex<[TenantID: Int]>([:])

    func take(_ tenant: TenantID) -> Seat? {
        let isFree = taken.withLock { taken in
            guard taken[tenant, default: 0] < EventStream.bound else { return false }
            taken[tenant, default: 0] += 1
            return true
        }
        return isFree ? Seat(tenant, of: self) : nil
    }

    fileprivate func leave(_ tenant: TenantID) {
        taken.withLock { taken in
            taken[tenant, default: 1] -= 1
            if taken[tenant] == 0 { taken[tenant] = nil }
        }
    }
}

/// Held by its stream; given back when that goes, whether it ever ran or not.
private final class Seat: Sendable {
    private let tenant: TenantID
    private let seats: Seats

    init(_ tenant: TenantID, of seats: Seats) {
        self.tenant = tenant
        self.seats = seats
    }

    deinit { seats.leave(tenant) }
}
