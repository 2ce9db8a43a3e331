import Core
import Glibc
import Ledger
import Platform
import TestSupport
import Testing

/// `kill -9` between a job's claim and its settlement: whatever the moment, each job's effect is there once.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct `Workers that are killed at their work` {
    private static let deaths = 100

    @Test func `leave each job's effect once, on SQLite`() async throws {
        try await withTemporaryFolder { folder in try await check(folder + "/ledger.sqlite") }
    }

    @Test func `leave each job's effect once, on PostgreSQL`() async throws {
        try await withPostgres { url in try await check(url) }
    }

    private func check(_ place: String) async throws {
        let first = try openLedger(place)
        try await first.write("fill") { tx in for _ in 0..<Self.deaths { try tx.jobs.enqueue(job()) } }
        await first.close()
        for round in 0..<Self.deaths {
            await #expect(processExitsWith: .signal(Signals.kill)) { [place = place as String, round = round as Int] in
                try await workAndDie(place, round)
            }
        }
        let last = try openLedger(place)
        _ = try await last.write("take back") { try $0.jobs.takeBack(node: node, exceptBoot: "last") }
        while let claimed = try await last.claim(boot: "last").first { _ = try await last.work(claimed) }
        let (jobs, effects) = try await last.read("look") { tx in
            let jobs = try tx.jobs.list(limit: Self.deaths).rows
            return (jobs, try jobs.map { try tx.settings.get("effect:\($0.id)") })
        }
        #expect(jobs.count == Self.deaths)
        #expect(jobs.allSatisfy { $0.state == .done && $0.attempt == 1 })
        #expect(effects.allSatisfy { $0 == "1" }, "\(effects)")
        let counts = try await last.read("counts") { try $0.queues.counts(.finish) }
        #expect(counts.filter { $0.value != 0 } == [.done: Self.deaths])
        await last.close()
    }
}

private func openLedger(_ place: String) throws -> any LedgerStore {
    if place.hasPrefix("/") { return try SQLiteLedger(.init(path: place)) }
    return try PostgresLedger(.init(address: PostgresAddress(place)))
}

/// One life of a worker: it dies after its claim, within the transaction of its effect, or after that.
private func workAndDie(_ place: String, _ round: Int) async throws {
    let ledger = try openLedger(place)
    let boot = "boot_\(round)"
    _ = try await ledger.write("take back") { try $0.jobs.takeBack(node: node, exceptBoot: boot) }
    let claimed = try await ledger.claim(boot: boot).first
    if round % 3 > 0, let claimed { _ = try await ledger.work(claimed, diesWithin: round % 3 == 1) }
    raise(SIGKILL)
}

extension LedgerStore {
    /// The effect counts itself, and is one transaction with the settlement.
    fileprivate func work(_ claimed: ClaimedJob, diesWithin: Bool = false) async throws -> Bool {
        try await write("effect") { tx in
            guard try tx.jobs.settle(claimed.lease, .done) else { return false }
            let name = "effect:\(claimed.id)"
            try tx.settings.set(name, String((try tx.settings.get(name).flatMap { Int($0) } ?? 0) + 1))
            if diesWithin { raise(SIGKILL) }
            return true
        }
    }
}
