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
