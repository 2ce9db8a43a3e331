import Access
import Core
import Events
import HTTPServer
import Ingest
import Ledger
import StreamCoord

/// `/admin/*` (contracts §8): what waits, what died, what was held back, who did what. `Admin` works within its own tenant;
/// the operator's tenant, `default`, sees all. Whatever changes something is audited in the transaction that does it.
struct AdminRoutes: Sendable {
    let ledger: any LedgerStore
    let events: EventWriter
    let uploads: UploadService
    let health: Health
    let time: any TimeSource

    func register(on router: inout Router, authorize: @escaping Authorize) {
        func on(
            _ method: Method, _ pattern: String,
            _ handler: @escaping @Sendable (Request, Admin) async throws -> Response
        ) {
            router.on(method, pattern) { request in try await handler(request, Admin(authorize(request))) }
        }
        on(.get, "/admin/queues", queues)
        on(.post, "/admin/queues/{queue}/pause") { try await setPaused($0, $1, true) }
        on(.post, "/admin/queues/{queue}/resume") { try await setPaused($0, $1, false) }
        on(.get, "/admin/jobs", jobs)
        on(.get, "/admin/jobs/{job}", job)
        on(.post, "/admin/jobs/{job}/cancel", cancel)
        on(.get, "/admin/dead", dead)
        on(.post, "/admin/dead/{letter}/retry", retry)
        on(.post, "/admin/dead/replay", replay)
        on(.get, "/admin/quarantine", quarantine)
        for decision in [HeldDecision.rescan, .release, .delete] {
            on(.post, "/admin/quarantine/{held}/\(decision.rawValue)") { try await decide($0, $1, decision) }
        }
        on(.get, "/admin/tenants", tenants)
        on(.get, "/admin/tenants/{tenant}", tenant)
        on(.put, "/admin/tenants/{tenant}", setTenant)
        on(.get, "/admin/audit", audit)
        on(.get, "/admin/system-health", systemHealth)
    }

    private func audit(_ request: Request, _ admin: Admin) async throws -> Response {
        let ask = try ListQuery(request.query)
        let tenant = try admin.scope(request.query)
        let page = try await ledger.read("admin.audit") { tx in
            try tx.audit.list(tenant: tenant, from: ask.position, limit: ask.limit)
        }
        return .data(200, .array(page.rows.map(\.shown)), pagination: ask.pagination(of: page))
    }
}

/// A principal that holds `Admin`.
struct Admin: Sendable {
    let principal: Principal

    init(_ principal: Principal) throws(AccessFailure) {
        try principal.require(.admin)
        self.principal = principal
    }

    /// Whose rows a list shows: nil is everybody's, for the operator, who may name one tenant.
    func scope(_ query: Query) throws(Refusal) -> TenantID? {
        guard principal.isOperator else { return principal.tenant }
        guard let name = query["tenant"] else { return nil }
        guard let tenant = TenantID(name) else { throw Refusal(.invalidRequest, "tenant is \(name), expected an id.") }
        return tenant
    }

    func mayReach(_ tenant: TenantID) -> Bool { principal.isOperator || principal.tenant == tenant }

    func mustBeOperator(_ what: String) throws(Refusal) {
        guard principal.isOperator else {
            throw Refusal(.forbidden, "\(what) concerns every tenant; it needs a key of tenant default.")
        }
    }

    func audit(_ action: String, _ subject: String, tenant: TenantID? = nil, _ detail: JSON = [:], in tx: Transaction)
        throws
    {
        try tx.audit.append(
            AuditRow(
                at: tx.now, tenant: tenant ?? principal.tenant, actor: principal.user, action: action,
                subject: subject, detail: detail.text))
    }
}

extension AuditRow {
    fileprivate var shown: JSON {
        [
            "id": .string(id), "at": .string(at.description), "tenant": .string(tenant.text),
            "actor": .string(actor.text), "action": .string(action), "subject": .string(subject),
            // Written by this program; what is no JSON is shown as it stands.
            "detail": (try? JSON.parse(detail)) ?? .string(detail),
        ]
    }
}
