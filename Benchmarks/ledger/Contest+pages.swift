import Core
import Ledger

extension Contest {
    private typealias Look = @Sendable (Transaction) throws -> Int

    /// The median of every kind of list page, in milliseconds.
    func pages(_ rounds: Int) async throws {
        let tenant = tenant
        // Somewhere inside, at whatever size: half of the rows are older.
        let middle = Position.after(Cursor(at: Timestamp(seconds: 1_700_000_000), id: "m"))
        let looks: [(String, Look)] = [
            ("tracks", { try $0.tracks.list(tenant: tenant, limit: 50).rows.count }),
            ("tracks, in the middle", { try $0.tracks.list(tenant: tenant, from: middle, limit: 50).rows.count }),
            ("tracks, failed", { try $0.tracks.list(tenant: tenant, state: .failed, limit: 50).rows.count }),
            ("jobs", { try $0.jobs.list(limit: 50).rows.count }),
            ("jobs, in the middle", { try $0.jobs.list(from: middle, limit: 50).rows.count }),
            ("jobs, dead", { try $0.jobs.list(state: .dead, limit: 50).rows.count }),
            ("jobs of a tenant", { try $0.jobs.list(tenant: tenant, limit: 50).rows.count }),
            (
                "jobs of a small tenant",
                { try $0.jobs.list(tenant: TenantID(checked: "small"), limit: 50).rows.count }
            ),
        ]
        var lines: [String] = []
        for (name, look) in looks {
            var times: [Double] = []
            for _ in 0..<rounds {
                let began = ContinuousClock.now
                let count = try await ledger.read("page", look)
                times.append((ContinuousClock.now - began) / .milliseconds(1))
                guard count > 0 else { throw LedgerFailure(.program, "\(name): an empty page") }
            }
            lines.append(#""\#(name)":\#(times.sorted()[rounds / 2])"#)
        }
        print("{\(lines.joined(separator: ","))}")
    }
}
