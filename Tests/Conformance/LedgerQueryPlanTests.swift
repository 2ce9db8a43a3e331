@testable import Ledger
import Core
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Queries of the ledger` {
    /// Small tables that are read whole on purpose; `found` and `newest` are what a bounded query yields, `priorities` a walk
    /// along an index; what is leased is what runs, and the index of dead deliveries holds those alone. An index that is walked in its order, with nothing to step over, ends at
    /// the limit.
    private static let small = [
        "paused_queues", "nodes", "found", "newest", "json_each", "priorities", "CONSTANT ROW",
        "jobs USING INDEX jobs_leased", "deliveries USING INDEX deliveries_dead",
    ]

    @Test func `that are hot read no table whole and sort nothing`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/ledger.sqlite"
            try await SQLiteLedger(.init(path: path)).close()
            let connection = try SQLiteConnection(path: path, role: .writer, durable: false)
            try everyHotPath(Transaction(connection: connection, now: Timestamp(seconds: 1_800_000_000)))
            let texts = connection.preparedTexts.filter {
                $0.hasPrefix("select") || $0.hasPrefix("update") || $0.hasPrefix("delete")
            }
            #expect(texts.count > 30)
            for text in texts {
                let count = (1...30).last { text.contains("$\($0)") } ?? 0
                let rows = try connection.query("explain query plan " + text, Array(repeating: .null, count: count))
                for var row in rows {
                    for _ in 0..<3 { _ = try row.integer() }
                    let detail = try row.text()
                    let isSmall = Self.small.contains { detail.hasPrefix("SCAN \($0)") } || detail.hasPrefix("SCAN (")
                    let isBounded = detail.contains("INDEX") && text.contains(" limit ") && !text.contains(" where ")
                    #expect(!detail.hasPrefix("SCAN") || isSmall || isBounded, "\(detail): \(text)")
                    #expect(!detail.contains("TEMP B-TREE"), "\(detail): \(text)")
                }
            }
        }
    }

    @Test func `that are hot are answered by indexes on PostgreSQL, whatever the tables held when they were planned`()
        async throws
    {
        try await withPostgres { url in
            let address = try PostgresAddress(url)
            try await PostgresLedger(.init(address: address)).close()
            let connection = try PostgresConnection(
                address, shard: 0, patience: .seconds(20), statementLimit: .seconds(20))
            connection.begin(writing: true)
            try everyHotPath(Transaction(connection: connection, now: Timestamp(seconds: 1_800_000_000)))
            try connection.commit()
            let texts = connection.preparedTexts.filter { text in
                ["select", "update", "delete", "with"].contains { text.hasPrefix($0) } && text.contains(" from ")
            }
            #expect(texts.count > 30)
            for (number, text) in texts.enumerated() {
                let count = (1...30).last { text.contains("$\($0)") } ?? 0
                try connection.run("prepare plan\(number) as \(text)")
                let values =
                    count == 0 ? "" : "(" + Array(repeating: "null", count: count).joined(separator: ", ") + ")"
                let plan = try connection.query("explain execute plan\(number)\(values)", []).map {
                    var row = $0
                    return try row.text()
                }.joined(separator: "\n")
                let read = plan.split(separator: "\n").filter { $0.contains("Seq Scan on ") }
                #expect(
                    read.allSatisfy { line in Self.small.contains { line.contains(" on \($0)") } }, "\(plan)\n\(text)")
                // What is sorted must be little, and this is bounded.
                #expect(
                    !plan.contains("Sort") || text.contains("priorities") || text.contains(" as list0"),
                    "\(plan)\n\(text)")
            }
        }
    }
}

/// Every hot path once, so that the connection has its SQL.
private func everyHotPath(_ tx: Transaction) throws {
    let tenant = TenantID(checked: "a")
    let owner = try #require(UserID("u"))
    let node = NodeID(checked: "node_1")
    let id = TrackID.make()
    _ = try tx.jobs.enqueue(NewJob(kind: "k", queue: .finish, tenant: tenant, uniqueKey: "k"), maximumDepth: 9)
    _ = try tx.jobs.enqueue(NewJob(kind: "k", queue: .finish, tenant: tenant))
    let jobs = try tx.jobs.claim(node: node, boot: "b", limit: 2, lease: .seconds(1))
    _ = try tx.jobs.renew(jobs[0].lease, for: .seconds(1))
    _ = try tx.jobs.settle(jobs[0].lease, .done)
    _ = try tx.jobs.settle(jobs[1].lease, .retry(at: tx.now, error: "e"))
    _ = try tx.jobs.find(jobs[0].id)
    _ = try tx.jobs.takeBack(node: node, exceptBoot: "b")
    _ = try tx.jobs.reap()
    _ = try tx.jobs.list(state: .dead, queue: .finish, from: .after(Cursor(at: tx.now, id: "x")), limit: 1)
    _ = try tx.jobs.forget(.done, before: tx.now + .seconds(1), limit: 1)
    _ = try tx.queues.forgetIdle(limit: 1)
    _ = try tx.uploads.forgetIdempotent(limit: 1)
    _ = try tx.sessions.forget(limit: 1)
    try tx.tracks.insert(
        TrackRow(id: id, tenant: tenant, owner: owner, uploadID: nil, title: "t", createdAt: tx.now))
    _ = try tx.tracks.setStage(id, .encoding, progress: 0.5)
    _ = try tx.tracks.list(tenant: tenant, from: .after(Cursor(at: tx.now, id: "x")), limit: 1)
    _ = try tx.tracks.list(tenant: tenant, state: .ready, limit: 1)
    _ = try tx.uploads.find(.make())
    _ = try tx.uploads.latest(of: id)
    _ = try tx.uploads.open(tenant: tenant, owner: owner)
    _ = try tx.uploads.createdInLastHour(tenant: tenant, owner: owner)
    _ = try tx.uploads.expired(node: node, before: tx.now, limit: 1)
    _ = try tx.uploads.list(state: .receiving, node: node, limit: 1)
    _ = try tx.uploads.findIdempotent(tenant: tenant, owner: owner, key: "k")
    _ = try tx.generations.list(state: .old, unchangedSince: tx.now, limit: 1)
    _ = try tx.generations.stopped(before: tx.now, limit: 1)
    let event = try tx.outbox.append(tenant: tenant, type: .trackReady, trackID: id, requestID: nil) { _, _ in [] }
    _ = try tx.outbox.after(0, tenant: tenant, limit: 1)
    _ = try tx.outbox.after(0, tenant: tenant, track: id, limit: 1)
    try tx.deliveries.insert(DeliveryRow(endpoint: "core", event: event, trackID: id))
    _ = try tx.deliveries.next(endpoint: "core", track: id)
    _ = try tx.deliveries.waiting(jobs: "k", after: nil, limit: 1)
    _ = try tx.deliveries.list(endpoint: "core", tenant: tenant, limit: 1)
    _ = try tx.deliveries.forget(before: tx.now, limit: 1)
    _ = try tx.outbox.forget(before: tx.now, limit: 1)
    _ = try tx.circuits.find("core")
    _ = try tx.keys.findByPrefix("p")
    _ = try tx.sessions.isRevoked(.make())
    _ = try tx.reservations.total(node: node)
    try tx.reservations.releaseOrphans(node: node)
    let after = Position.after(Cursor(at: tx.now, id: "x"))
    _ = try tx.jobs.list(tenant: tenant, from: after, limit: 1)
    _ = try tx.jobs.list(state: .dead, queue: .finish, tenant: tenant, limit: 1)
    _ = try tx.jobs.counts(.finish, tenant: tenant)
    _ = try tx.jobs.oldest(.finish, tenant: tenant)
    _ = try tx.jobs.oldest(.finish, tenant: nil)
    _ = try tx.jobs.replayable(tenant: tenant, limit: 1)
    _ = try tx.jobs.replayable(tenant: nil, limit: 1)
    _ = try tx.tracks.list(tenant: tenant, search: "t", from: after, limit: 1)
    _ = try tx.tracks.list(tenant: tenant, state: .ready, search: "t", limit: 1)
    _ = try tx.deadLetters.list(tenant: tenant, from: after, limit: 1)
    _ = try tx.deadLetters.list(queue: .deliver, limit: 1)
    _ = try tx.deadLetters.replayable(tenant: tenant, limit: 1)
    _ = try tx.deadLetters.replayable(tenant: nil, limit: 1)
    _ = try tx.deadLetters.counts(tenant: tenant)
    _ = try tx.deadLetters.counts(tenant: nil)
    try tx.jobs.enqueueNow(NewJob(kind: "k", queue: .finish, tenant: tenant, uniqueKey: "k"))
    _ = try tx.tracks.left(after: nil, limit: 1)
    _ = try tx.tracks.replaced(limit: 1)
    _ = try tx.tracks.replaced(of: id, limit: 1)
    _ = try tx.generations.unreachable(limit: 1)
    _ = try tx.uploads.of(id)
    _ = try tx.jobs.isRunning("k")
    _ = try tx.tenants.find(tenant)
    _ = try tx.tenants.list(from: after, limit: 1)
    _ = try tx.quarantine.list(tenant: tenant, state: .held, from: after, limit: 1)
    _ = try tx.quarantine.list(tenant: nil, state: .held, limit: 1)
    _ = try tx.quarantine.list(tenant: tenant, limit: 1)
    _ = try tx.audit.list(tenant: tenant, from: after, limit: 1)
    _ = try tx.audit.list(tenant: nil, limit: 1)
    _ = try tx.audit.forget(before: tx.now, limit: 1)
    _ = try tx.signInCodes.forget(limit: 1)
    _ = try tx.uploads.hourFreesAt(tenant: tenant, owner: owner, most: 1)
}
