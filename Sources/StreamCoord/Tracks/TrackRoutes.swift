import Core
package import Events
package import HTTPServer
package import Ledger
import Access

/// `/v1/tracks`: look, list, delete, and what a prepare may change. Of another tenant there is nothing to see: 404.
package struct TrackRoutes: Sendable {
    private let ledger: any LedgerStore
    private let events: EventWriter
    private let delivery: Delivery

    package init(ledger: any LedgerStore, events: EventWriter, delivery: Delivery) {
        self.ledger = ledger
        self.events = events
        self.delivery = delivery
    }

    package func register(on router: inout Router, authorize: @escaping Authorize) {
        router.on(.get, "/v1/tracks") { [self] request in
            try await refusing(request) { try await list($0, by: authorize($0)) }
        }
        router.on(.get, "/v1/tracks/{track}") { [self] request in
            try await refusing(request) { try await show($0, by: authorize($0)) }
        }
        router.on(.delete, "/v1/tracks/{track}") { [self] request in
            try await refusing(request) { try await delete($0, by: authorize($0)) }
        }
        router.on(.post, "/v1/tracks/{track}/prepare") { [self] request in
            try await refusing(request) { try await prepare($0, by: authorize($0)) }
        }
    }

    // MARK: Looking

    private func show(_ request: Request, by principal: Principal) async throws -> Response {
        let id = try request.parameter("track", TrackID.self)
        try principal.mustHave(.manageTracks, or: .uploadAudio, .admin)
        let row = try await ledger.read("tracks.find") { tx in try tx.tracks.find(id) }
        guard let row, principal.mayReach(tenant: row.tenant, owner: row.owner) else {
            throw StreamFailure(.notFound, "There is no such track.")
        }
        return .data(200, TrackView.json(row, links: events.links))
    }

    private func list(_ request: Request, by principal: Principal) async throws -> Response {
        try principal.mustHave(.manageTracks)
        let ask = try ListQuery(request.query)
        let state = try request.query["state"].map { text in
            guard let state = TrackState(rawValue: text) else {
                throw StreamFailure(
                    .invalidRequest,
                    "state must be one of \(TrackState.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            return state
        }
        let search = request.query["q"]
        let tenant = principal.tenant
        let page = try await ledger.read("tracks.list") { tx in
            try tx.tracks.list(tenant: tenant, state: state, search: search, from: ask.position, limit: ask.limit)
        }
        return .data(
            200, .array(page.rows.map { TrackView.json($0, links: events.links) }), pagination: ask.pagination(of: page)
        )
    }

    // MARK: Changing

    private func delete(_ request: Request, by principal: Principal) async throws -> Response {
        try principal.mustHave(.manageTracks)
        let id = try request.parameter("track", TrackID.self)
        let (tenant, requestID, events) = (principal.tenant, request.id, events)
        let isThere = try await ledger.write("tracks.delete") { tx in
            guard let row = try tx.tracks.find(id), row.tenant == tenant else { return false }
            var machine = TrackMachine(state: row.state, hasLive: row.generation != nil)
            // Deleted already: the same answer, and no second event.
            guard machine.apply(.deleted), try tx.tracks.delete(id), let gone = try tx.tracks.find(id) else {
                return true
            }
            try events.tell(.trackDeleted, of: gone, requestID: requestID, in: tx)
            return true
        }
        guard isThere else { throw StreamFailure(.notFound, "There is no such track.") }
        delivery.forget(id)
        return Response(status: 204)
    }

    /// The same source and profile make no new run; visibility and time of publication apply whatever the source.
    private func prepare(_ request: Request, by principal: Principal) async throws -> Response {
        try principal.mustHave(.manageTracks)
        let id = try request.parameter("track", TrackID.self)
        let wish = try PrepareWish(await RequestBody(of: request))
        let tenant = principal.tenant
        let row = try await ledger.write("tracks.prepare") { tx in
            guard let row = try tx.tracks.find(id), row.tenant == tenant, row.state != .deleted else {
                throw StreamFailure(.notFound, "There is no such track.")
            }
            let profile = try row.generation.flatMap { try tx.generations.find($0) }?.profile
            try wish.mustBeSame(upload: row.uploadID, profile: profile)
            if wish.visibility != nil || wish.publishAt != nil {
                try tx.tracks.setVisibility(
                    id, wish.visibility ?? row.visibility, publishAt: wish.publishAt ?? row.publishAt)
            }
            return try tx.tracks.find(id) ?? row
        }
        delivery.forget(id)
        return .data(202, TrackView.json(row, links: events.links))
    }
}
