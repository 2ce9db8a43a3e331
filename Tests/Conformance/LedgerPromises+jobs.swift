import Core
import Ledger
import TestSupport
import Testing

extension LedgerPromise {
    static let claiming: [Self] = [
        Self("hands a job out once, with eight claimers at it") { ledger, _ in
            for _ in 0..<200 { _ = try await ledger.add(job()) }
            let claimed = try await withThrowingTaskGroup { group in
                for number in 0..<8 {
                    group.addTask {
                        var mine: [JobID] = []
                        while true {
                            let jobs = try await ledger.claim(3, boot: "boot_\(number)")
                            if jobs.isEmpty { return mine }
                            mine += jobs.map(\.id)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 200)
            #expect(Set(claimed).count == 200)
        },
        Self("gives the job back as it was written down") { ledger, _ in
            let track = TrackID.make()
            let upload = UploadID.make()
            let request = RequestID.make()
            let id = try await ledger.add(
                NewJob(
                    kind: "finish", queue: .finish, tenant: TenantID(checked: "a"), trackID: track, uploadID: upload,
                    payload: ["a": "1", "b": "x=2"], requestID: request))
            let claimed = try #require(try await ledger.claim().first)
            #expect(claimed.id == id)
            #expect(claimed.kind == "finish")
            #expect(claimed.trackID == track)
            #expect(claimed.uploadID == upload)
            #expect(claimed.payload == ["a": "1", "b": "x=2"])
            #expect(claimed.requestID == request)
            #expect(claimed.attempt == 1)
        },
        Self("takes the lower priority number first, then who is longer due") { ledger, time in
            let late = try await ledger.add(job(priority: 1, runAt: time.now - .seconds(9)))
            let second = try await ledger.add(job(runAt: time.now - .seconds(1)))
            let first = try await ledger.add(job(runAt: time.now - .seconds(2)))
            #expect(try await ledger.claim(3).map(\.id) == [first, second, late])
        },
        Self("leaves a job alone until it is due") { ledger, time in
            let id = try await ledger.add(job(runAt: time.now + .seconds(60)))
            let due = try await ledger.add(job(priority: 5))
            #expect(try await ledger.claim(9).map(\.id) == [due])
            time.advance(by: .seconds(60))
            #expect(try await ledger.claim(9).map(\.id) == [id])
        },
        Self("finds a job that became due earlier than the one before it") { ledger, time in
            _ = try await ledger.add(job(runAt: time.now + .seconds(60)))
            #expect(try await ledger.claim().isEmpty)
            let id = try await ledger.add(job(runAt: time.now + .seconds(10)))
            time.advance(by: .seconds(10))
            #expect(try await ledger.claim().map(\.id) == [id])
        },
        Self("gives a pinned job to its node alone") { ledger, _ in
            let other = NodeID(checked: "node_2")
            let id = try await ledger.add(job(pinnedNode: other))
            let free = try await ledger.add(job(priority: 1))
            #expect(try await ledger.claim(9).map(\.id) == [free])
            #expect(try await ledger.claim(9, node: other).map(\.id) == [id])
        },
        Self("finds work for this node behind tenants whose jobs are pinned elsewhere") { ledger, _ in
            for number in 0..<5 {
                _ = try await ledger.add(job("a\(number)", pinnedNode: NodeID(checked: "node_2")))
            }
            let id = try await ledger.add(job("b"))
            #expect(try await ledger.claim(1).map(\.id) == [id])
        },
        Self("keeps one live job a unique key, and takes the key again once it is done") { ledger, _ in
            let first = try await ledger.write("a") { try $0.jobs.enqueue(job(key: "k")) }
            let second = try await ledger.write("a") { try $0.jobs.enqueue(job(key: "k")) }
            #expect(first.isNew)
            #expect(second.id == first.id)
            #expect(!second.isNew)
            let claimed = try #require(try await ledger.claim().first)
            #expect(try await ledger.write("a") { try $0.jobs.enqueue(job(key: "k")).isNew } == false)
            #expect(try await ledger.settle(claimed.lease, .done))
            #expect(try await ledger.write("a") { try $0.jobs.enqueue(job(key: "k")).isNew })
        },
        Self("claims nothing of a paused queue") { ledger, _ in
            let id = try await ledger.add(job())
            try await ledger.write("a") { try $0.queues.pause(.finish) }
            #expect(try await ledger.claim().isEmpty)
            try await ledger.write("a") { try $0.queues.resume(.finish) }
            #expect(try await ledger.claim().map(\.id) == [id])
        },
        Self("refuses a job past the depth of its queue, saying both numbers") { ledger, _ in
            _ = try await ledger.add(job(), maximumDepth: 2)
            _ = try await ledger.add(job(), maximumDepth: 2)
            let failure = await #expect(throws: LedgerFailure.self) { try await ledger.add(job(), maximumDepth: 2) }
            #expect(failure?.kind == .queueFull(queue: .finish, depth: 2, maximum: 2, wait: .seconds(60)))
            _ = try await ledger.claim()
            _ = try await ledger.add(job(), maximumDepth: 2)
        },
    ]

    static let leases: [Self] = [
        Self("lets a stale token hit nothing, whoever holds the job by then") { ledger, time in
            let id = try await ledger.add(job())
            let stale = try #require(try await ledger.claim().first)
            time.advance(by: .seconds(31))
            #expect(try await ledger.write("reap") { try $0.jobs.reap() } == 1)
            let fresh = try #require(try await ledger.claim(boot: "boot_2").first)
            #expect(fresh.id == id)
            for outcome in [JobOutcome.done, .returned, .dead(error: "x"), .retry(at: time.now, error: "x")] {
                #expect(try await ledger.settle(stale.lease, outcome) == false)
            }
            #expect(try await ledger.write("renew") { try $0.jobs.renew(stale.lease, for: .seconds(30)) } == false)
            #expect(try await ledger.look(id).job.state == .running)
            #expect(try await ledger.settle(fresh.lease, .done))
            #expect(try await ledger.settle(fresh.lease, .done) == false)
        },
        Self("keeps a renewed lease") { ledger, time in
            _ = try await ledger.add(job())
            let claimed = try #require(try await ledger.claim().first)
            time.advance(by: .seconds(20))
            #expect(try await ledger.write("renew") { try $0.jobs.renew(claimed.lease, for: .seconds(30)) })
            time.advance(by: .seconds(20))
            #expect(try await ledger.write("reap") { try $0.jobs.reap() } == 0)
            #expect(try await ledger.settle(claimed.lease, .done))
        },
        Self("settles together what is done, but for what was lost") { ledger, time in
            for _ in 0..<4 { _ = try await ledger.add(job()) }
            let old = try await ledger.claim(2)
            time.advance(by: .seconds(31))
            #expect(try await ledger.write("reap") { try $0.jobs.reap() } == 2)
            let fresh = try await ledger.claim(4)
            #expect(fresh.count == 4)
            let leases = (old + fresh.dropLast()).map(\.lease)
            let settled = try await ledger.write("settle") { try $0.jobs.settle(leases) }
            #expect(settled == Set(fresh.dropLast().map(\.id)))
            #expect(try await ledger.look(fresh[3].id).job.state == .running)
            #expect(try await ledger.write("settle") { try $0.jobs.settle(leases) }.isEmpty)
            let counts = try await ledger.read("counts") { try $0.queues.counts(.finish).filter { $0.value != 0 } }
            #expect(counts == [.running: 1, .done: 3])
        },
        Self("undoes a settlement with the body it was part of") { ledger, _ in
            struct Refused: Error {}
            let id = try await ledger.add(job())
            let claimed = try #require(try await ledger.claim().first)
            await #expect(throws: Refused.self) {
                try await ledger.write("a") { tx in
                    _ = try tx.jobs.settle(claimed.lease, .done)
                    throw Refused()
                }
            }
            #expect(try await ledger.look(id).job.state == .running)
            #expect(try await ledger.read("counts") { try $0.queues.counts(.finish)[.running] } == 1)
        },
    ]

    static let recovering: [Self] = [
        Self("retries at the time it was told, and keeps every attempt with its error") { ledger, time in
            let id = try await ledger.add(job())
            let first = try #require(try await ledger.claim().first)
            #expect(try await ledger.settle(first.lease, .retry(at: time.now + .seconds(5), error: "one")))
            #expect(try await ledger.claim().isEmpty)
            time.advance(by: .seconds(5))
            let second = try #require(try await ledger.claim().first)
            #expect(second.attempt == 2)
            #expect(try await ledger.settle(second.lease, .dead(error: "two")))
            let (job, attempts) = try await ledger.look(id)
            #expect(job.state == .dead)
            #expect(job.lastError == "two")
            #expect(attempts.map(\.error) == ["one", "two"])
            #expect(attempts.map(\.number) == [1, 2])
            #expect(attempts.allSatisfy { $0.node == node })
        },
        Self("burns no attempt of a job that was returned or postponed") { ledger, time in
            let id = try await ledger.add(job())
            let first = try #require(try await ledger.claim().first)
            #expect(try await ledger.settle(first.lease, .returned))
            let second = try #require(try await ledger.claim().first)
            #expect(second.attempt == 1)
            #expect(try await ledger.settle(second.lease, .postponed(until: time.now + .seconds(9))))
            #expect(try await ledger.claim().isEmpty)
            time.advance(by: .seconds(9))
            #expect(try await ledger.claim().first?.attempt == 1)
            #expect(try await ledger.look(id).attempts.isEmpty)
        },
        Self("takes back at once what a node's earlier boots held, and nothing else") { ledger, _ in
            for _ in 0..<3 { _ = try await ledger.add(job()) }
            let mine = try #require(try await ledger.claim(boot: "boot_1").first)
            let current = try #require(try await ledger.claim(boot: "boot_2").first)
            let foreign = try #require(try await ledger.claim(node: NodeID(checked: "node_2")).first)
            #expect(try await ledger.write("a") { try $0.jobs.takeBack(node: node, exceptBoot: "boot_2") } == 1)
            #expect(try await ledger.settle(mine.lease, .done) == false)
            #expect(try await ledger.settle(current.lease, .done))
            #expect(try await ledger.settle(foreign.lease, .done))
            let again = try #require(try await ledger.claim().first)
            #expect(again.id == mine.id)
            #expect(again.attempt == 1)
        },
        Self("buries a job whose lease ran out on its last attempt") { ledger, time in
            let id = try await ledger.add(job(maximumAttempts: 2))
            for _ in 0..<2 {
                #expect(try await ledger.claim().count == 1)
                time.advance(by: .seconds(31))
                #expect(try await ledger.write("reap") { try $0.jobs.reap() } == 1)
            }
            #expect(try await ledger.look(id).job.state == .dead)
            #expect(try await ledger.claim().isEmpty)
        },
        Self("revives a dead job, unless the same work is live again") { ledger, _ in
            let id = try await ledger.add(job(key: "k"))
            let claimed = try #require(try await ledger.claim().first)
            #expect(try await ledger.settle(claimed.lease, .dead(error: "x")))
            let other = try await ledger.add(job(key: "k"))
            #expect(try await ledger.write("a") { try $0.jobs.retryDead(id) } == false)
            #expect(try await ledger.write("a") { try $0.jobs.cancel(other) })
            #expect(try await ledger.write("a") { try $0.jobs.retryDead(id) })
            #expect(try await ledger.claim().map(\.id) == [id])
        },
        Self("counts what it lists, state by state") { ledger, time in
            for _ in 0..<5 { _ = try await ledger.add(job()) }
            for claimed in try await ledger.claim(2) { _ = try await ledger.settle(claimed.lease, .done) }
            _ = try await ledger.claim(1)
            let counts = try await ledger.read("a") { try $0.jobs.counts()[.finish] ?? [:] }
            #expect(counts.filter { $0.value != 0 } == [.queued: 2, .running: 1, .done: 2])
            for (state, count) in counts {
                let page = try await ledger.read("b") { try $0.jobs.list(state: state, queue: .finish, limit: 10) }
                #expect(page.rows.count == count)
                #expect(page.total == count)
            }
            time.advance(by: .seconds(10))
            let before = time.now
            #expect(try await ledger.write("c") { try $0.jobs.forget(.done, before: before, limit: 100) } == 2)
            #expect(try await ledger.read("d") { try $0.jobs.counts()[.finish]?[.done] } == 0)
        },
        Self("counts each tenant's jobs, whatever becomes of them") { ledger, time in
            func counts(_ tenant: String) async throws -> [JobState: Int] {
                try await ledger.read("counts") {
                    try $0.jobs.counts(.finish, tenant: TenantID(checked: tenant)).filter { $0.value != 0 }
                }
            }
            var ids: [JobID] = []
            for _ in 0..<5 { ids.append(try await ledger.add(job("a"))) }
            let other = try await ledger.add(job("b"))
            #expect(try await ledger.write("cancel") { try $0.jobs.cancel(other) })
            let claimed = try await ledger.claim(4)
            #expect(try await ledger.settle(claimed[0].lease, .done))
            #expect(try await ledger.settle(claimed[1].lease, .dead(error: "x")))
            #expect(try await ledger.settle(claimed[2].lease, .dead(error: "x")))
            #expect(try await ledger.write("retry") { try $0.jobs.retryDead(claimed[2].id) })
            #expect(try await counts("a") == [.queued: 2, .running: 1, .done: 1, .dead: 1])
            #expect(try await counts("b") == [.cancelled: 1])
            let page = try await ledger.read("list") { try $0.jobs.list(tenant: TenantID(checked: "a"), limit: 2) }
            #expect(page.total == 5)
            time.advance(by: .seconds(10))
            let before = time.now
            for state in [JobState.done, .cancelled] {
                #expect(try await ledger.write("c") { try $0.jobs.forget(state, before: before, limit: 9) } == 1)
            }
            #expect(try await counts("a") == [.queued: 2, .running: 1, .dead: 1])
            #expect(try await counts("b").isEmpty)
        },
        Self("lists all jobs newest first, page by page and by cursor alike") { ledger, time in
            for number in 0..<10 {
                _ = try await ledger.add(job(queue: Queue.allCases[number % 4]))
                time.advance(by: .seconds(1))
            }
            let whole = try await ledger.read("a") { try $0.jobs.list(limit: 100).rows }
            #expect(whole.map(\.createdAt) == whole.map(\.createdAt).sorted(by: >))
            var byCursor: [JobRow] = []
            var cursor: Cursor?
            repeat {
                let from = cursor
                let page = try await ledger.read("b") { try $0.jobs.list(from: .after(from), limit: 3) }
                byCursor += page.rows
                cursor = page.next
            } while cursor != nil
            var byPage: [JobRow] = []
            for number in 1...4 {
                byPage += try await ledger.read("c") { try $0.jobs.list(from: .page(number), limit: 3).rows }
            }
            #expect(byCursor == whole)
            #expect(byPage == whole)
        },
    ]

    static let fairness: [Self] = [
        Self("starts a newcomer within the first fair round of a tenant with 10,000 jobs") { ledger, _ in
            try await ledger.write("a") { tx in
                for _ in 0..<10_000 { try tx.jobs.enqueue(job("big")) }
            }
            #expect(try await ledger.claim(4).count == 4)
            _ = try await ledger.add(job("small"))
            let next = try await ledger.claim(2)
            #expect(next.contains { $0.tenant.text == "small" })
        },
        Self("shares a queue evenly among tenants that all have work") { ledger, _ in
            try await ledger.write("a") { tx in
                for tenant in ["a", "b", "c"] {
                    for _ in 0..<(tenant == "a" ? 100 : 20) { try tx.jobs.enqueue(job(tenant)) }
                }
            }
            var had: [String: Int] = [:]
            for _ in 0..<10 { for job in try await ledger.claim(3) { had[job.tenant.text, default: 0] += 1 } }
            #expect(had == ["a": 10, "b": 10, "c": 10])
        },
        Self("lets weight choose the queue: five deliveries to a sweep") { ledger, _ in
            try await ledger.write("a") { tx in
                for queue in Queue.allCases { for _ in 0..<50 { try tx.jobs.enqueue(job(queue: queue)) } }
            }
            let claimed = try await ledger.claim(22)
            let had = claimed.reduce(into: [Queue: Int]()) { $0[$1.queue, default: 0] += 1 }
            #expect(had == [.deliver: 10, .finish: 6, .prepare: 4, .sweep: 2])
        },
    ]
}
