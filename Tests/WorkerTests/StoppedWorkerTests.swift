import Core
import Glibc
import Ledger
import Platform
import Synchronization
import TestSupport
import Testing
import Worker

/// A worker in a process of its own that is stopped past its lease and then goes on.
@Suite(.timeLimit(.minutes(5)))
struct `A worker that slept past its lease` {
    @Test func `is cancelled when it wakes, and neither settles nor renews what another has done meanwhile`()
        async throws
    {
        let url = try await PrivatePostgres.shared().database()
        // This side's clock is an hour ahead, so that the other's lease has run out without anybody waiting for it.
        let time = ManualTime(SystemTime().now + .seconds(3600))
        let ledger = try PostgresLedger(.init(address: PostgresAddress(url)), time: time)
        let job = try await ledger.write("add") {
            try $0.jobs.enqueue(
                NewJob(kind: "sleepy", queue: .finish, tenant: .operatorsOwn, runAt: Timestamp(seconds: 0))
            ).id
        }
        let taken = try await withThrowingTaskGroup(of: Lease?.self) { group in
            group.addTask {
                await #expect(processExitsWith: .success) { [url = url as String] in try await workAsleep(url) }
                return nil
            }
            group.addTask {
                let pid = try await beginning(of: ledger)
                kill(pid, SIGSTOP)
                defer { kill(pid, SIGCONT) }
                #expect(try await ledger.write("reap") { try $0.jobs.reap() } == 1)
                return try await ledger.write("take") {
                    try $0.jobs.claim(node: NodeID(checked: "node_2"), boot: "b", limit: 1, lease: .seconds(30))
                }.first?.lease
            }
            return try await group.reduce(nil) { $0 ?? $1 }
        }
        // While the sleeper tried, the job was running, but not for it.
        #expect(try await ledger.read("said") { try $0.settings.get("late") } == "settled false, renewed false")
        let lease = try #require(taken)
        #expect(lease.job == job)
        #expect(try await ledger.write("settle") { try $0.jobs.settle(lease, .done) })
        let found = try #require(try await ledger.read("look") { try $0.jobs.find(job) })
        #expect(found.job.state == .done)
        #expect(found.job.attempt == 2)
        #expect(found.attempts.count == 1)
        await ledger.close()
    }
}

/// The sleeper's process, once it has the job.
private func beginning(of ledger: any LedgerStore) async throws -> pid_t {
    while true {
        var mark = ledger.hints.mark(.jobs)
        if let pid = try await ledger.read("pid", { try $0.settings.get("pid") }).flatMap({ pid_t($0) }) { return pid }
        await ledger.hints.wait(for: .jobs, since: &mark)
    }
}

/// In a process of its own: works until its lease is lost, and then tries what it must not be able to.
private func workAsleep(_ url: String) async throws {
    let ledger = try PostgresLedger(.init(address: PostgresAddress(url)))
    var configuration = WorkerPool.Configuration(
        node: NodeID(checked: "node_1"), boot: "boot_1", limits: [.finish: 1])
    configuration.lease = .seconds(3)
    let lost = Hints()
    let before = lost.mark(.jobs)
    let pool = WorkerPool(
        ledger: ledger, configuration: configuration,
        handlers: [
            "sleepy": { job, context in
                let pid = String(getpid())
                try await context.ledger.write("pid") { tx in
                    try tx.settings.set("pid", pid)
                    // Wakes who waits for it.
                    try tx.jobs.enqueue(NewJob(kind: "none", queue: .sweep, tenant: .operatorsOwn))
                }
                // Cancelled: the lease is lost.
                try? await context.time.sleep(for: .seconds(1_000_000))
                // Not cancelled with the handler; awaited here.
                return try await Task {
                    try await context.ledger.write("late") { tx in
                        let settled = try tx.jobs.settle(job.lease, .done)
                        let renewed = try tx.jobs.renew(job.lease, for: .seconds(30))
                        try tx.settings.set("late", "settled \(settled), renewed \(renewed)")
                    }
                    return Settlement.settled
                }.value
            }
        ]
    ) { report in if case .leaseLost = report { lost.raise(.jobs) } }
    // Ended and awaited below.
    let run = Task { await pool.run() }
    var mark = before
    await lost.wait(for: .jobs, since: &mark)
    run.cancel()
    await run.value
    await ledger.close()
}
