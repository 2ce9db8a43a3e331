import Core
import Ledger
import TestSupport
import Testing

extension LedgerPromise {
    static let administration: [Self] = [
        Self("lists one tenant's jobs alone, newest first, by cursor and by page, with its own counts") {
            ledger, time in
            var mine: [JobID] = []
            for number in 0..<7 {
                mine.append(try await ledger.add(job("a", queue: number % 2 == 0 ? .finish : .deliver)))
                _ = try await ledger.add(job("b"))
                time.advance(by: .seconds(1))
            }
            mine.reverse()
            let tenant = TenantID(checked: "a")
            let first = try await ledger.read("a") { try $0.jobs.list(tenant: tenant, limit: 3) }
            #expect(first.rows.map(\.id) == Array(mine[..<3]))
            #expect(first.total == 7)
            let second = try await ledger.read("b") {
                try $0.jobs.list(tenant: tenant, from: .after(first.next), limit: 3)
            }
            #expect(second.rows.map(\.id) == Array(mine[3..<6]))
            let paged = try await ledger.read("c") { try $0.jobs.list(tenant: tenant, from: .page(3), limit: 3) }
            #expect(paged.rows.map(\.id) == [mine[6]])
            #expect(paged.next == nil)
            let counts = try await ledger.read("d") { try $0.jobs.counts(.finish, tenant: tenant) }
            #expect(counts[.queued] == 4)
            #expect(try await ledger.read("e") { try $0.jobs.oldest(.deliver, tenant: tenant) } != nil)
        },
        Self("offers dead jobs for a replay oldest first, but for those whose work is live again") { ledger, time in
            var made: [JobID] = []
            for key in ["one", "two", "three"] {
                made.append(try await ledger.add(job("a", key: key)))
                let claimed = try #require(try await ledger.claim().first)
                #expect(try await ledger.settle(claimed.lease, .dead(error: "it broke")))
                time.advance(by: .seconds(1))
            }
            let dead = made
            _ = try await ledger.add(job("a", key: "two"))
            let all = try await ledger.read("a") { try $0.jobs.replayable(tenant: nil, limit: 9) }
            #expect(all == [dead[0], dead[2]])
            #expect(try await ledger.read("b") { try $0.jobs.replayable(tenant: nil, limit: 1) } == [dead[0]])
            let others = try await ledger.read("c") {
                try $0.jobs.replayable(tenant: TenantID(checked: "b"), limit: 9)
            }
            #expect(others.isEmpty)
            #expect(try await ledger.write("d") { try $0.jobs.retryDead(dead[0]) })
            let again = try await ledger.look(dead[0])
            #expect(again.job.state == .queued)
            #expect(again.job.attempt == 0)
            #expect(again.attempts.map(\.error) == ["it broke"])
        },
        Self("lists dead jobs and dead deliveries as one, of one tenant alone, and puts them back oldest first") {
            ledger, time in
            func bury(_ tenant: String, _ number: Int) async throws -> [String] {
                let tenant = TenantID(checked: tenant)
                let dead = try await ledger.write("bury") { tx in
                    let track = TrackID(checked: "trk_\(tenant)_\(number)")
                    let event = try tx.outbox.append(
                        tenant: tenant, type: .trackReady, trackID: track, requestID: nil
                    ) { _, _ in [] }
                    let row = DeliveryRow(endpoint: "core", event: event, trackID: track)
                    try tx.deliveries.insert(row)
                    _ = try tx.deliveries.settle(
                        row.id, .dead, attempts: 1, nextAt: tx.now, status: 400, error: "answered 400", answer: "no")
                    return row.id
                }
                time.advance(by: .seconds(1))
                let made = try await ledger.add(job(tenant.text, queue: .deliver))
                let claimed = try await ledger.claim()
                for one in claimed { _ = try await ledger.settle(one.lease, .dead(error: "it broke")) }
                time.advance(by: .seconds(1))
                return [dead, made.text]
            }
            func ids(_ letters: [DeadLetter]) -> [String] {
                letters.map { letter in
                    switch letter {
                    case .job(let row): row.id.text
                    case .delivery(let row, _): row.id
                    }
                }
            }
            let mine = try await bury("a", 1) + bury("a", 2)
            _ = try await bury("b", 3)
            let tenant = TenantID(checked: "a")
            let first = try await ledger.read("a") { try $0.deadLetters.list(tenant: tenant, limit: 3) }
            #expect(ids(first.rows) == Array(mine.reversed()[..<3]))
            #expect(first.total == 4)
            let last = try await ledger.read("b") {
                try $0.deadLetters.list(tenant: tenant, from: .after(first.next), limit: 3)
            }
            #expect(ids(last.rows) == [mine[0]])
            guard case .delivery(let row, .trackReady) = try #require(last.rows.first) else {
                Issue.record("\(last.rows)")
                return
            }
            #expect(row.lastStatus == 400 && row.lastAnswer == "no")
            let paged = try await ledger.read("c") {
                try $0.deadLetters.list(tenant: tenant, from: .page(2), limit: 2)
            }
            #expect(ids(paged.rows) == [mine[1], mine[0]])
            #expect(try await ledger.read("d") { try $0.deadLetters.list(queue: .finish, limit: 9) }.rows.isEmpty)
            #expect(try await ledger.read("e") { try $0.deadLetters.counts(tenant: nil)[.deliver] } == 6)
            #expect(try await ledger.read("f") { try $0.deadLetters.counts(tenant: tenant)[.deliver] } == 4)
            let oldest = try await ledger.read("g") { try $0.deadLetters.replayable(tenant: tenant, limit: 3) }
            #expect(ids(oldest) == Array(mine[..<3]))
            #expect(try await ledger.write("h") { try $0.deliveries.redeliver(mine[0]) })
            #expect(try await ledger.read("i") { try $0.deadLetters.counts(tenant: tenant)[.deliver] } == 3)
        },
        Self("makes a job that waits for a later time due, where the same work is wanted now") { ledger, time in
            let later = time.now + .seconds(60)
            let id = try await ledger.add(job("a", key: "k", runAt: later))
            #expect(try await ledger.claim().isEmpty)
            try await ledger.write("a") { try $0.jobs.enqueueNow(job("a", key: "k")) }
            #expect(try await ledger.claim().map(\.id) == [id])
        },
        Self("says how long until the next turn, and never longer than the period") { ledger, time in
            func ask() async throws -> Duration? {
                try await ledger.write("a") { try $0.settings.untilTurn("replay", every: .seconds(15)) }
            }
            let got1 = try await ask()
            #expect(got1 == nil)
            time.advance(by: .seconds(5))
            let got2 = try await ask()
            #expect(got2 == .seconds(10))
            time.advance(by: .seconds(10))
            let got3 = try await ask()
            #expect(got3 == nil)
        },
        Self("gives the turn of a written time once, to one of many, whatever was slept through") { ledger, time in
            let hourly: @Sendable (Timestamp) -> Timestamp? = { Timestamp(seconds: ($0.seconds / 3600 + 1) * 3600) }
            func turns() async throws -> Int {
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await ledger.write("a") { try $0.settings.takeTurn("hourly", next: hourly) }
                        }
                    }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
            }
            let got4 = try await turns()
            #expect(got4 == 0)
            time.advance(by: .seconds(3600))
            let got5 = try await turns()
            #expect(got5 == 1)
            let got6 = try await turns()
            #expect(got6 == 0)
            time.advance(by: .seconds(1_000_000))
            let got7 = try await turns()
            #expect(got7 == 1)
            let got8 = try await turns()
            #expect(got8 == 0)
        },
        Self("drops old audit rows in small steps, and leaves the others") { ledger, time in
            let actor = try #require(UserID("u"))
            for _ in 0..<5 {
                try await ledger.write("a") { tx in
                    try tx.audit.append(
                        AuditRow(at: tx.now, tenant: TenantID(checked: "a"), actor: actor, action: "x", subject: "s"))
                }
                time.advance(by: .seconds(1))
            }
            let before = time.now - .seconds(2)
            #expect(try await ledger.write("b") { try $0.audit.forget(before: before, limit: 2) } == 2)
            #expect(try await ledger.write("c") { try $0.audit.forget(before: before, limit: 2) } == 1)
            #expect(try await ledger.write("d") { try $0.audit.forget(before: before, limit: 2) } == 0)
            #expect(try await ledger.read("e") { try $0.audit.list(tenant: nil, limit: 9) }.total == 2)
        },
        Self("keeps a tenant's own limits and what it has stored, until the original is gone") { ledger, time in
            let (tenant, now) = (TenantID(checked: "a"), time.now)
            #expect(try await ledger.read("a") { try $0.tenants.find(tenant) } == nil)
            var row = TenantRow(id: tenant, name: "A", quotaBytes: 5, uploadsPerHour: 0, createdAt: now)
            let made = row
            try await ledger.write("b") { try $0.tenants.set(made) }
            row.isSuspended = true
            row.quotaBytes = nil
            let changed = row
            try await ledger.write("c") { try $0.tenants.set(changed) }
            #expect(try await ledger.read("d") { try $0.tenants.find(tenant) } == changed)
            #expect(try await ledger.read("e") { try $0.tenants.list(limit: 9) }.rows == [changed])
            let track = TrackID.make()
            func store(_ key: String?, _ size: Int64) async throws -> Int64 {
                try await ledger.write("f") { tx in
                    try tx.tracks.setOriginal(track, key: key, contentType: nil, size: size, sha256: nil)
                    return try tx.tenants.stored(tenant)
                }
            }
            try await ledger.write("g") { tx in
                try tx.tracks.insert(
                    TrackRow(
                        id: track, tenant: tenant, owner: UserID(checked: "u"), uploadID: nil, title: "t",
                        createdAt: now))
            }
            let got9 = try await store("one", 100)
            #expect(got9 == 100)
            let got10 = try await store("one", 100)
            #expect(got10 == 100)
            let got11 = try await store("two", 70)
            #expect(got11 == 70)
            #expect(try await ledger.read("replaced") { try $0.tracks.replaced(limit: 9) } == ["one"])
            #expect(try await ledger.read("replaced") { try $0.tracks.replaced(of: track, limit: 9) } == ["one"])
            #expect(try await store("one", 100) == 100)
            #expect(try await ledger.read("replaced") { try $0.tracks.replaced(limit: 9) } == ["two"])
            #expect(try await store("two", 70) == 70)
            try await ledger.write("swept") { try $0.tracks.forgetReplaced("one") }
            #expect(try await ledger.read("replaced") { try $0.tracks.replaced(limit: 9) }.isEmpty)
            #expect(try await ledger.write("h") { try $0.tracks.delete(track) })
            #expect(try await ledger.read("i") { try $0.tracks.left(after: nil, limit: 9) }.map(\.id) == [track])
            let got12 = try await store(nil, 70)
            #expect(got12 == 0)
            #expect(try await ledger.read("j") { try $0.tracks.left(after: nil, limit: 9) }.isEmpty)
        },
        Self("says when a user's hour frees a place") { ledger, time in
            let (tenant, owner) = (TenantID(checked: "a"), UserID(checked: "u"))
            let began = time.now
            for _ in 0..<3 {
                let now = time.now
                try await ledger.write("a") { tx in
                    try tx.uploads.insert(
                        UploadRow(
                            id: .make(), trackID: .make(), tenant: tenant, owner: owner, protocol: .chunks,
                            filename: "f", size: 1, requestID: .make(), node: node, expiresAt: now, createdAt: now))
                }
                time.advance(by: .seconds(60))
            }
            func frees(_ most: Int) async throws -> Duration {
                try await ledger.read("b") {
                    try $0.uploads.hourFreesAt(tenant: tenant, owner: owner, most: most)
                } - began
            }
            let got13 = try await frees(3)
            #expect(got13 == .seconds(3600))
            let got14 = try await frees(2)
            #expect(got14 == .seconds(3660))
            let got15 = try await frees(1)
            #expect(got15 == .seconds(3720))
        },
    ]
}
