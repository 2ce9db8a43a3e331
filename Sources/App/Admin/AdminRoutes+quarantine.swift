import Access
import Core
import HTTPServer
import Ledger
import StreamCoord

extension AdminRoutes {
    func quarantine(_ request: Request, _ admin: Admin) async throws -> Response {
        let ask = try ListQuery(request.query)
        let state = try Self.word(request.query, "state", QuarantineState.self)
        let tenant = try admin.scope(request.query)
        let page = try await ledger.read("admin.quarantine") { tx in
            try tx.quarantine.list(tenant: tenant, state: state, from: ask.position, limit: ask.limit)
        }
        return .data(200, .array(page.rows.map(\.shown)), pagination: ask.pagination(of: page))
    }

    /// What becomes of a held file is written down with who said so; a job does it, on the node that has the bytes.
    func decide(_ request: Request, _ admin: Admin, _ decision: HeldDecision) async throws -> Response {
        let id = try request.parameter("held", String.self)
        let requestID = request.id
        let shown = try await ledger.write("admin.decide") { tx in
            guard let row = try tx.quarantine.find(id), admin.mayReach(row.tenant) else {
                throw Refusal(.notFound, "Nothing is held under this id.")
            }
            guard row.state == .held else {
                throw Refusal(.invalidRequest, "It was \(row.state.rawValue) already.")
            }
            let isNew = try HeldWork.enqueue(decision, row, by: admin.principal.user, requestID, in: tx)
            guard isNew else { throw Refusal(.invalidRequest, "It is being worked on already; ask again later.") }
            try admin.audit("quarantine.\(decision.rawValue)", id, tenant: row.tenant, in: tx)
            return try tx.quarantine.find(id)?.shown ?? row.shown
        }
        return .data(202, shown)
    }
}

extension QuarantineRow {
    var shown: JSON {
        [
            "id": .string(id), "trackId": .string(trackID.text), "uploadId": .optional(uploadID?.text),
            "tenant": .string(tenant.text), "state": .string(state.rawValue), "reason": .string(reason.rawValue),
            // Written by this program; what is no JSON is shown as it stands.
            "evidence": (try? JSON.parse(evidence)) ?? .string(evidence),
            "at": .string(at.description),
        ]
    }
}
