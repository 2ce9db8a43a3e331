import Core
import Ledger
import TestSupport
import Testing
import Worker

@Suite(.timeLimit(.minutes(5))) struct `The scheduler` {
    @Test func `runs a task when it is due, and once for all the turns that were missed`() async throws {
        try await withTemporaryFolder { folder in
            let time = ManualTime()
            let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
            let ran = Tally()
            let scheduler = Scheduler(
                ledger: ledger, tasks: [PeriodicTask("t", every: .seconds(60)) { ran.add() }], time: time)
            // Ended and awaited below.
            let run = Task { await scheduler.run() }
            await ran.wait(for: 1)
            await time.sleeper(for: .seconds(1))
            time.advance(by: .seconds(59))
            await time.sleeper(for: .seconds(1))
            #expect(ran.count == 1)
            time.advance(by: .seconds(100_000))
            await ran.wait(for: 2)
            await time.sleeper(for: .seconds(1))
            #expect(ran.count == 2)
            run.cancel()
            await run.value
            await ledger.close()
        }
    }

    @Test func `ends leases that ran out, and drops what is old`() async throws {
        try await withTemporaryFolder { folder in
            let time = ManualTime()
            let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
            let node = NodeID(checked: "node_1")
            let ids = try await ledger.write("add") { tx in
                try (0..<2).map { _ in
                    try tx.jobs.enqueue(NewJob(kind: "k", queue: .finish, tenant: TenantID(checked: "a"))).id
                }
            }
            let claimed = try await ledger.write("claim") {
                try $0.jobs.claim(node: node, boot: "b", limit: 2, lease: .seconds(30))
            }
            _ = try await ledger.write("settle") { try $0.jobs.settle(claimed[0].lease, .done) }
            time.advance(by: .seconds(4 * 86_400))
            for task in Scheduler.upkeep(of: ledger, time: time) { try await task.body() }
            let left = try await ledger.read("look") { tx in try ids.compactMap { try tx.jobs.find($0)?.job } }
            #expect(left.map(\.id) == [claimed[1].id])
            #expect(left.map(\.state) == [.queued])
            await ledger.close()
        }
    }
}
