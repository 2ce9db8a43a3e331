import Core
import Ledger
import TestSupport
import Testing
import Worker

/// What a kind of job does when one of it is dead. Here it writes the job's name and error down.
@Suite(.timeLimit(.minutes(5))) struct `A dead end` {
    private static let node = NodeID(checked: "node_1")
    private static let note: DeadEnds = DeadEnds([
        "test": { job, tx in try tx.settings.set("dead:\(job.id)", "\(job.state.rawValue) \(job.lastError ?? "")") }
    ])

    private func noted(_ id: JobID, in ledger: any LedgerStore) async throws -> String? {
        try await ledger.read("noted") { try $0.settings.get("dead:\(id)") }
    }

    private func withLedger(_ body: (SQLiteLedger, ManualTime) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let time = ManualTime()
            let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
            try await body(ledger, time)
            await ledger.close()
        }
    }

    private func claimed(_ ledger: SQLiteLedger, attempts: Int = 1) async throws -> JobID {
        try await ledger.write("add") { tx in
            let job = NewJob(
                kind: "test", queue: .finish, tenant: TenantID(checked: "a"), maximumAttempts: attempts)
            let id = try tx.jobs.enqueue(job).id
            _ = try tx.jobs.claim(node: Self.node, boot: "boot_1", limit: 1, lease: .seconds(30))
            return id
        }
    }

    @Test func `is reached in the transaction that buries the job`() async throws {
        struct Broken: Error {}
        try await withPool(deadEnds: Self.note) { _, _ in
            throw Broken()
        } _: { rig in
            let id = try await rig.add()
            await rig.ended.wait(for: 1)
            #expect(try await noted(id, in: rig.ledger) == "dead Broken()")
        }
    }

    @Test func `is not reached by a job that is retried, or done`() async throws {
        try await withPool(deadEnds: Self.note) { job, _ in
            if job.attempt == 1 { throw Passing("busy") }
            return .done
        } _: { rig in
            let id = try await rig.add()
            await rig.ended.wait(for: 1)
            await rig.time.sleeper(for: .seconds(1))
            rig.time.advance(by: .seconds(5))
            await rig.ended.wait(for: 2)
            #expect(try await rig.look(id).state == .done)
            #expect(try await noted(id, in: rig.ledger) == nil)
        }
    }

    @Test func `is reached when the last lease runs out`() async throws {
        try await withLedger { ledger, time in
            let id = try await claimed(ledger)
            time.advance(by: .seconds(31))
            let note = Self.note
            let reap = Scheduler.upkeep(of: ledger, deadEnds: note, time: time).first { $0.name == "jobs.reap" }
            try await reap?.body()
            #expect(try await noted(id, in: ledger)?.hasPrefix("dead Its lease ran out") == true)
        }
    }

    @Test func `is reached when the server has stopped too often while the job ran`() async throws {
        try await withLedger { ledger, _ in
            let id = try await claimed(ledger, attempts: 12)
            for boot in 2...200 {
                let note = Self.note
                try await ledger.write("boot") { tx in
                    _ = try tx.jobs.takeBack(node: Self.node, exceptBoot: "boot_\(boot)") {
                        try note.reached(by: $0, in: tx)
                    }
                    _ = try tx.jobs.claim(node: Self.node, boot: "boot_\(boot)", limit: 1, lease: .seconds(30))
                }
                if try await noted(id, in: ledger) != nil { break }
            }
            #expect(try await noted(id, in: ledger)?.hasPrefix("dead The server stopped") == true)
        }
    }

    @Test func `that fails leaves the job alive, and both are tried again`() async throws {
        struct NotNow: Error {}
        try await withLedger { ledger, time in
            let id = try await claimed(ledger)
            time.advance(by: .seconds(31))
            await #expect(throws: NotNow.self) {
                try await ledger.write("reap") { tx in try tx.jobs.reap { _ in throw NotNow() } }
            }
            #expect(try await ledger.read("look") { try $0.jobs.find(id)?.job.state } == .running)
        }
    }
}
