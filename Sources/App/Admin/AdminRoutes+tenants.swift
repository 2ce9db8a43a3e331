import Access
import Core
import HTTPServer
import Ledger
import StreamCoord

/// Tenants with limits of their own: the operator writes them, each tenant's `Admin` reads its own.
extension AdminRoutes {
    func tenants(_ request: Request, _ admin: Admin) async throws -> Response {
        try admin.mustBeOperator("The list of tenants")
        let ask = try ListQuery(request.query)
        let (page, shown) = try await ledger.read("admin.tenants") { tx in
            let page = try tx.tenants.list(from: ask.position, limit: ask.limit)
            return (page, try page.rows.map { try Self.shown($0, tx) })
        }
        return .data(200, .array(shown), pagination: ask.pagination(of: page))
    }

    func tenant(_ request: Request, _ admin: Admin) async throws -> Response {
        let id = try request.parameter("tenant", TenantID.self)
        guard admin.mayReach(id) else { throw Refusal(.notFound, "There is no such tenant.") }
        let (shown, isKnown) = try await ledger.read("admin.tenant") { tx in
            let row = try tx.tenants.find(id)
            return (try Self.shown(row ?? TenantRow(id: id, createdAt: tx.now), tx), row != nil)
        }
        guard isKnown || id == admin.principal.tenant else {
            throw Refusal(.notFound, "There is no such tenant; PUT makes one.")
        }
        return .data(200, shown)
    }

    /// What the body does not name is the setting's again.
    func setTenant(_ request: Request, _ admin: Admin) async throws -> Response {
        try admin.mustBeOperator("Changing a tenant")
        let id = try request.parameter("tenant", TenantID.self)
        let wish = try TenantWish(await RequestBody(of: request))
        let (shown, isNew) = try await ledger.write("admin.set_tenant") { tx in
            let known = try tx.tenants.find(id)
            let row = TenantRow(
                id: id, name: wish.name, quotaBytes: wish.quotaBytes, uploadsPerHour: wish.uploadsPerHour,
                isSuspended: wish.isSuspended, createdAt: known?.createdAt ?? tx.now)
            try tx.tenants.set(row)
            try admin.audit("tenant.set", id.text, tenant: id, wish.json, in: tx)
            return (try Self.shown(row, tx), known == nil)
        }
        return .data(isNew ? 201 : 200, shown)
    }

    private static func shown(_ row: TenantRow, _ tx: Transaction) throws -> JSON {
        [
            "id": .string(row.id.text), "name": .string(row.name), "quotaBytes": .optional(row.quotaBytes),
            "uploadsPerHour": .optional(row.uploadsPerHour.map { Int64($0) }), "suspended": .bool(row.isSuspended),
            "storedBytes": .integer(try tx.tenants.stored(row.id)),
            "reservedBytes": .integer(try tx.reservations.total(tenant: row.id)),
            "createdAt": .string(row.createdAt.description),
        ]
    }
}

/// The body of `PUT /admin/tenants/{id}`.
private struct TenantWish: Sendable {
    let name: String
    let quotaBytes: Int64?
    let uploadsPerHour: Int?
    let isSuspended: Bool

    init(_ body: RequestBody) throws {
        name =
            try body.value("name", "a text of at most 200 bytes") { json in
                json.string.flatMap { $0.utf8.count <= 200 ? $0 : nil }
            } ?? ""
        quotaBytes = try body.value("quotaBytes", "a whole number from 0, or null for the setting's") { json in
            json.integer.flatMap { $0 >= 0 ? $0 : nil }
        }
        uploadsPerHour = try body.value("uploadsPerHour", "a whole number from 0, or null for the setting's") { json in
            json.integer.flatMap { (0...1_000_000).contains($0) ? Int($0) : nil }
        }
        isSuspended = try body.value("suspended", "true or false", { $0.bool }) ?? false
    }

    var json: JSON {
        [
            "name": .string(name), "quotaBytes": .optional(quotaBytes),
            "uploadsPerHour": .optional(uploadsPerHour.map { Int64($0) }), "suspended": .bool(isSuspended),
        ]
    }
}
