import Core
import Ledger
import Synchronization
import TestSupport
import Testing
import Worker

@Suite(.timeLimit(.minutes(5))) struct `A worker pool` {
    @Test func `works what is enqueued, by a hint, and settles it`() async throws {
        try await withPool { job, _ in
            .done
        } _: { rig in
            let id = try await rig.add()
            await rig.ended.wait(for: 1)
            #expect(try await rig.look(id).state == .done)
        }
    }

    @Test func `retries what may pass at its time, and buries what may not`() async throws {
        struct Broken: Error {}
        try await withPool { job, _ in
            if job.attempt == 1 { throw Passing("busy") }
            throw Broken()
        } _: { rig in
            let id = try await rig.add()
            await rig.ended.wait(for: 1)
            let once = try await rig.look(id)
            #expect(once.state == .queued)
            #expect(once.runAt == rig.time.now + .seconds(5))
            await rig.time.sleeper(for: .seconds(1))
            rig.time.advance(by: .seconds(5))
            await rig.ended.wait(for: 2)
            #expect(try await rig.look(id).state == .dead)
        }
    }

    @Test func `runs no more of a queue at once than it may`() async throws {
        let running = Mutex((now: 0, most: 0))
        try await withPool(limit: 2) { _, context in
            running.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
            await Task.yield()
            running.withLock { $0.now -= 1 }
            return .done
        } _: { rig in
            for _ in 0..<20 { _ = try await rig.add() }
            await rig.ended.wait(for: 20)
            let runningSeen = running.withLock({ $0.most })
            #expect(runningSeen <= 2)
        }
    }

    @Test func `gives back what it was working on when it is cancelled, and no attempt is burned`() async throws {
        let began = Tally()
        let id = try await withPool { _, context in
            began.add()
            try await context.time.sleep(for: .seconds(1_000_000))
            return .done
        } _: { rig in
            let id = try await rig.add()
            await began.wait(for: 1)
            rig.stop()
            await rig.stopped()
            let row = try await rig.look(id)
            #expect(row.state == .queued)
            #expect(row.attempt == 0)
            return id
        }
        #expect(id.text.hasPrefix("job_"))
    }

    @Test func `gives back all that one claim brought when it is cancelled`() async throws {
        let began = Tally()
        try await withPool { _, context in
            began.add()
            try await context.time.sleep(for: .seconds(1_000_000))
            return .done
        } _: { rig in
            // In one transaction, so that one claim finds them all.
            let ids = try await rig.ledger.write("add") { tx in
                try (0..<3).map { _ in
                    try tx.jobs.enqueue(NewJob(kind: "test", queue: .finish, tenant: TenantID(checked: "a"))).id
                }
            }
            await began.wait(for: 3)
            rig.stop()
            await rig.stopped()
            for id in ids { #expect(try await rig.look(id).state == .queued) }
        }
    }

    @Test func `gives back the job of a handler that will not end, and its late settlement hits nothing`() async throws
    {
        let began = Tally()
        let late = Mutex<Bool?>(nil)
        let gate = Tally()
        try await withPool { job, context in
            began.add()
            await gate.wait(for: 1)
            let hit = try await context.ledger.write("late") { try $0.jobs.settle(job.lease, .done) }
            late.withLock { $0 = hit }
            gate.add()
            return .settled
        } _: { rig in
            let id = try await rig.add()
            await began.wait(for: 1)
            rig.stop()
            await rig.time.sleeper(for: .seconds(25))
            rig.time.advance(by: .seconds(25))
            await rig.stopped()
            #expect(try await rig.look(id).state == .queued)
            gate.add()
            await gate.wait(for: 2)
            let lateSeen = late.withLock({ $0 })
            #expect(lateSeen == false)
        }
    }

    @Test(arguments: [false, true])
    func `asks the ledger once for all that will not end, however many they are`(isAway: Bool) async throws {
        let (began, gate, ends) = (Tally(), Tally(), Tally())
        try await withPool { _, _ in
            began.add()
            await gate.wait(for: 1)
            ends.add()
            return .settled
        } _: { rig in
            var ids: [JobID] = []
            for _ in 0..<3 { ids.append(try await rig.add()) }
            await began.wait(for: 3)
            rig.stop()
            await rig.time.sleeper(for: .seconds(25))
            if isAway { rig.asked.takeAway() }
            rig.time.advance(by: .seconds(25))
            await rig.stopped()
            let ending = rig.asked.writes.filter { $0.key == "jobs.settle" || $0.key == "jobs.abandon" }
            #expect(ending.values.reduce(0, +) == 1)
            for id in ids {
                let row = try await rig.look(id)
                #expect(row.state == (isAway ? .running : .queued))
                #expect(row.attempt == (isAway ? 1 : 0))
            }
            gate.add()
            await ends.wait(for: 3)
        }
    }

    @Test func `cancels the work of a lease it has lost, and settles nothing`() async throws {
        let began = Tally()
        let ends = Tally()
        try await withPool { _, context in
            began.add()
            defer { ends.add() }
            try await context.time.sleep(for: .seconds(1_000_000))
            return .done
        } _: { rig in
            let id = try await rig.add()
            await began.wait(for: 1)
            await rig.time.sleeper(for: .seconds(10))
            // As if another node had taken it: the lease runs out without anybody renewing it.
            try await rig.ledger.write("pause") { try $0.queues.pause(.finish) }
            try await rig.ledger.write("take") { _ = try $0.jobs.takeBack(node: rig.node, exceptBoot: "another") }
            rig.time.advance(by: .seconds(10))
            await ends.wait(for: 1)
            let row = try await rig.look(id)
            #expect(row.state == .queued)
        }
    }

    @Test func `puts off a kind that it does not know, for a node that does`() async throws {
        try await withPool { _, _ in
            .done
        } _: { rig in
            let id = try await rig.add(kind: "unknown")
            await rig.ended.wait(for: 1)
            let row = try await rig.look(id)
            #expect(row.state == .queued)
            #expect(row.attempt == 0)
            #expect(row.runAt == rig.time.now + .seconds(30))
        }
    }

    @Test func `leaves a job alone that its handler settled with its effect`() async throws {
        try await withPool { job, context in
            let settled = try await context.ledger.write("effect") { tx in
                try tx.settings.set("effect", "1")
                return try tx.jobs.settle(job.lease, .done)
            }
            #expect(settled)
            return .settled
        } _: { rig in
            let id = try await rig.add()
            await rig.ended.wait(for: 1)
            #expect(try await rig.look(id).state == .done)
            #expect(try await rig.ledger.read("a") { try $0.settings.get("effect") } == "1")
        }
    }
}
