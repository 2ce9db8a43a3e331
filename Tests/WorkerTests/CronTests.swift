import Core
import Ledger
import TestSupport
import Testing
import Worker

@Suite(.timeLimit(.minutes(5))) struct `A cron expression` {
    @Test(arguments: [
        // 2026-11-21 is a Saturday.
        ("30 3 * * *", "2026-11-21T03:30:00Z", "2026-11-22T03:30:00.000Z"),
        ("30 3 * * *", "2026-11-21T03:29:59Z", "2026-11-21T03:30:00.000Z"),
        ("*/15 * * * *", "2026-11-21T03:46:00Z", "2026-11-21T04:00:00.000Z"),
        ("5/20 8-9 * * *", "2026-11-21T09:26:00Z", "2026-11-21T09:45:00.000Z"),
        ("0 0 * * 1", "2026-11-21T00:00:00Z", "2026-11-23T00:00:00.000Z"),
        ("0 0 * * 7", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00.000Z"),
        ("0 0 1,15 * *", "2026-11-21T00:00:00Z", "2026-12-01T00:00:00.000Z"),
        ("0 0 29 2 *", "2026-11-21T00:00:00Z", "2028-02-29T00:00:00.000Z"),
        // Both restricted: the nearer of the two.
        ("0 0 1 * 1", "2026-11-21T00:00:00Z", "2026-11-23T00:00:00.000Z"),
    ])
    func `names the next time`(_ text: String, _ now: String, _ next: String) throws {
        let moment = try #require(Dates.rfc3339(now))
        #expect(CronExpression(text)?.next(after: moment)?.description == next)
    }

    @Test(arguments: [
        "", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *",
        "a * * * *", "1,,2 * * * *", "-1 * * * *", "0 0 30 2 *", "* * * * * *",
    ])
    func `is refused when it is none, or never comes`(_ text: String) { #expect(CronExpression(text) == nil) }

    @Test func `enqueues its job once after any outage, on however many nodes`() async throws {
        try await withTemporaryFolder { folder in
            let time = ManualTime()
            let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
            let hourly = try #require(CronExpression("0 * * * *"))
            let scheduled = ScheduledJob(
                "hourly", at: hourly, NewJob(kind: "k", queue: .sweep, tenant: .operatorsOwn))
            // A tick of its own tells each one's sleep from the others'.
            let ticks = [Duration.seconds(1), .seconds(2), .seconds(3)]
            let schedulers = ticks.map { tick in
                Scheduler(ledger: ledger, tasks: [], jobs: [scheduled], tick: tick, time: time)
            }
            // Ended and awaited below.
            let runs = schedulers.map { scheduler in Task { await scheduler.run() } }
            func settle() async { for tick in ticks { await time.sleeper(for: tick) } }
            func made() async throws -> Int { try await ledger.read("made") { try $0.jobs.list(limit: 9).total } }
            await settle()
            #expect(try await made() == 0)
            time.advance(by: .seconds(3600))
            await settle()
            #expect(try await made() == 1)
            let job = try #require(
                try await ledger.write("claim") {
                    try $0.jobs.claim(node: NodeID(checked: "node_1"), boot: "b", limit: 1, lease: .seconds(30)).first
                })
            #expect(try await ledger.write("settle") { try $0.jobs.settle(job.lease, .done) })
            time.advance(by: .seconds(50 * 3600))
            await settle()
            #expect(try await made() == 2)
            for run in runs { run.cancel() }
            for run in runs { await run.value }
            await ledger.close()
        }
    }
}
