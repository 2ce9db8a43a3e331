/// Who is next where only so many may work at once: tenants take turns, so that one with a thousand uploads leaves others
/// as much as it takes. Pure; `UploadTurns` drives it.
struct FairTurns<Tenant: Hashable, Ticket> {
    private var free: Int
    private var waiting: [Tenant: [Ticket]] = [:]
    /// Tenants with somebody waiting, the next first.
    private var order: [Tenant] = []

    init(places: Int) { free = places }

    /// True where the ticket has its turn at once; else it waits for `next`.
    mutating func ask(_ ticket: Ticket, of tenant: Tenant) -> Bool {
        if free > 0, order.isEmpty {
            free -= 1
            return true
        }
        if waiting[tenant, default: []].isEmpty { order.append(tenant) }
        waiting[tenant, default: []].append(ticket)
        return false
    }

    /// A turn is over; whose is next, the tenant who waited longest since its last one.
    mutating func end() -> Ticket? {
        guard !order.isEmpty else {
            free += 1
            return nil
        }
        let tenant = order.removeFirst()
        let ticket = waiting[tenant]?.removeFirst()
        if waiting[tenant]?.isEmpty == false { order.append(tenant) } else { waiting[tenant] = nil }
        return ticket
    }
}
