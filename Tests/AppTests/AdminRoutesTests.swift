import Access
import Core
import Events
import HTTPServer
import Ingest
import Ledger
import StreamCoord
import TestSupport
import Testing

@testable import App

@Suite(.timeLimit(.minutes(5))) struct `The admin routes` {
    @Test func `say what each queue holds, and pause and resume one, told once`() async throws {
        try await withAdmin { rig in
            _ = try await rig.add()
            _ = try await rig.add("a")
            func finish(_ tenant: String) async throws -> JSON {
                let rows = try await rig.ask(.get, "/admin/queues", as: tenant).json["data"]?.array ?? []
                return try #require(rows.first { $0["queue"]?.string == "finish" })
            }
            #expect(try await finish("default")["depth"]?.integer == 2)
            #expect(try await finish("a")["depth"]?.integer == 1)
            for _ in 0..<2 { #expect(try await rig.ask(.post, "/admin/queues/finish/pause").status == 200) }
            #expect(try await finish("default")["paused"]?.bool == true)
            #expect(try await rig.ask(.post, "/admin/queues/finish/resume").status == 200)
            #expect(try await finish("default")["paused"]?.bool == false)
            let audit = try await rig.ask(.get, "/admin/audit").json["data"]?.array ?? []
            #expect(audit.compactMap { $0["action"]?.string }.sorted() == ["queue.pause", "queue.resume"])
            #expect(try await rig.ask(.post, "/admin/queues/finish/pause", as: "a").status == 403)
            #expect(try await rig.ask(.post, "/admin/queues/none/pause").status == 404)
        }
    }

    @Test func `need the permission`() async throws {
        try await withAdmin { rig in
            for path in ["queues", "jobs", "dead", "quarantine", "tenants", "audit", "system-health"] {
                let answer = try await rig.ask(.get, "/admin/\(path)", plain: true)
                #expect(answer.status == 403, "\(path)")
            }
        }
    }

    @Test func `list jobs page by page, and refuse what is no page`() async throws {
        try await withAdmin { rig in
            var ids: [String] = []
            for _ in 0..<5 {
                ids.insert(try await rig.add().text, at: 0)
                rig.time.advance(by: .seconds(1))
            }
            let first = try await rig.ask(.get, "/admin/jobs?state=queued&queue=finish&limit=2").json
            #expect(first["data"]?.array?.compactMap { $0["id"]?.string } == Array(ids[..<2]))
            #expect(first["pagination"]?["total"]?.integer == 5)
            #expect(first["pagination"]?["totalPages"]?.integer == 3)
            let cursor = try #require(first["pagination"]?["nextCursor"]?.string)
            let next = try await rig.ask(.get, "/admin/jobs?limit=2&cursor=\(cursor)").json
            #expect(next["data"]?.array?.compactMap { $0["id"]?.string } == Array(ids[2..<4]))
            let wrong = [
                "page=0", "page=x", "limit=0", "limit=101", "state=lost", "queue=none", "cursor=x", "page=99999999",
            ]
            for query in wrong {
                #expect(try await rig.ask(.get, "/admin/jobs?\(query)").status == 400, "\(query)")
            }
        }
    }

    @Test func `show a job with every attempt and its error, and nothing of another tenant`() async throws {
        try await withAdmin { rig in
            let id = try await rig.add("a", tries: 9)
            try await rig.ledger.write("fail") { tx in
                let job = try tx.jobs.claim(node: AdminRig.node, boot: "b", limit: 1, lease: .seconds(30))[0]
                _ = try tx.jobs.settle(job.lease, .retry(at: tx.now, error: "one"))
            }
            try await rig.buryAll("two")
            let job = try await rig.ask(.get, "/admin/jobs/\(id)").json["data"]
            #expect(job?["state"]?.string == "dead")
            let attempts = job?["attempts"]?.array ?? []
            #expect(attempts.compactMap { $0["error"]?.string } == ["one", "two"])
            #expect(attempts.allSatisfy { $0["node"]?.string == "node_1" && $0["at"]?.string != nil })
            #expect(try await rig.ask(.get, "/admin/jobs/\(id)", as: "a").status == 200)
            for (method, path) in [("get", "jobs/\(id)"), ("post", "jobs/\(id)/cancel"), ("post", "dead/\(id)/retry")] {
                let answer = try await rig.ask(method == "get" ? .get : .post, "/admin/\(path)", as: "b")
                #expect(answer.status == 404)
            }
        }
    }

    @Test func `retry a dead job once`() async throws {
        try await withAdmin { rig in
            let id = try await rig.add(key: "k")
            try await rig.buryAll()
            #expect(try await rig.ask(.get, "/admin/dead").json["pagination"]?["total"]?.integer == 1)
            #expect(try await rig.ask(.post, "/admin/dead/\(id)/retry").json["data"]?["state"]?.string == "queued")
            #expect(try await rig.ask(.post, "/admin/dead/\(id)/retry").status == 400)
            #expect(try await rig.ask(.post, "/admin/dead/job_none/retry").status == 404)
        }
    }

    @Test func `replay no more dead jobs than asked, and no sooner than after the cooldown`() async throws {
        try await withAdmin { rig in
            for _ in 0..<5 { _ = try await rig.add() }
            rig.time.advance(by: .seconds(1))
            _ = try await rig.add("a")
            try await rig.buryAll()
            for limit in [0, 501] {
                let answer = try await rig.ask(.post, "/admin/dead/replay", ["limit": .integer(Int64(limit))])
                #expect(answer.status == 400)
            }
            for body: JSON? in [
                nil, [:], ["limit": .null], ["limit": "5"], ["limit": .number(1.5)], ["limit": [5]], "5",
            ] {
                #expect(try await rig.ask(.post, "/admin/dead/replay", body).status == 400)
            }
            let first = try await rig.ask(.post, "/admin/dead/replay", ["limit": 2])
            #expect(first.status == 200)
            #expect(first.json["data"]?["replayed"]?.integer == 2)
            #expect(first.json["data"]?["remaining"]?.integer == 4)
            rig.time.advance(by: .seconds(5))
            let soon = try await rig.ask(.post, "/admin/dead/replay", ["limit": 2])
            #expect(soon.status == 429)
            #expect(soon.wait == "10")
            #expect(soon.json["error"]?["retryAfterMs"]?.integer == 10_000)
            // Another tenant's rows have a cooldown of their own.
            let other = try await rig.ask(.post, "/admin/dead/replay", as: "a", ["limit": 500])
            #expect(other.json["data"]?["replayed"]?.integer == 1)
            rig.time.advance(by: .seconds(10))
            let last = try await rig.ask(.post, "/admin/dead/replay", ["limit": 500])
            #expect(last.json["data"]?["replayed"]?.integer == 3)
            #expect(last.json["data"]?["remaining"]?.integer == 0)
        }
    }

    @Test func `list a callback that the core API rejected, with its track and answer, and send it again`() async throws
    {
        try await withAdmin { rig in
            let id = try await rig.reject("a", track: "trk_1")
            let listed = try await rig.ask(.get, "/admin/dead").json
            #expect(listed["pagination"]?["total"]?.integer == 1)
            let row = try #require(listed["data"]?.array?.first)
            #expect(row["id"]?.string == id)
            #expect(row["kind"]?.string == "delivery")
            #expect(row["trackId"]?.string == "trk_1")
            #expect(row["endpoint"]?.string == "core")
            #expect(row["event"]?["type"]?.string == "track.ready")
            #expect(row["answer"]?["status"]?.integer == 400)
            #expect(row["answer"]?["body"]?.string == "unknown track")
            // Another tenant sees and reaches nothing of it.
            #expect(try await rig.ask(.get, "/admin/dead", as: "b").json["data"]?.array?.isEmpty == true)
            #expect(try await rig.ask(.post, "/admin/dead/\(id)/retry", as: "b").status == 404)
            let queues = try await rig.ask(.get, "/admin/queues", as: "a").json["data"]?.array ?? []
            #expect(queues.first { $0["queue"]?.string == "deliver" }?["dead"]?.integer == 1)

            let retried = try await rig.ask(.post, "/admin/dead/\(id)/retry", as: "a")
            #expect(retried.json["data"]?["state"]?.string == "pending")
            #expect(try await rig.ask(.post, "/admin/dead/\(id)/retry", as: "a").status == 400)
            let (delivery, jobs) = try await rig.ledger.read("test") { tx in
                (try tx.deliveries.find(id), try tx.jobs.list(state: .queued, queue: .deliver, limit: 9).rows)
            }
            #expect(delivery?.attempts == 0 && delivery?.nextAt == rig.time.now)
            #expect(jobs.map(\.trackID) == [TrackID(checked: "trk_1")])
            #expect(try await rig.ask(.get, "/admin/dead").json["pagination"]?["total"]?.integer == 0)
        }
    }

    @Test func `replay dead jobs and dead deliveries alike, oldest first, and only with a limit`() async throws {
        try await withAdmin { rig in
            let old = try await rig.reject("a", track: "trk_1")
            rig.time.advance(by: .seconds(1))
            _ = try await rig.add("a")
            try await rig.buryAll()
            rig.time.advance(by: .seconds(1))
            let new = try await rig.reject("a", track: "trk_2")
            for body in [[:], ["limit": .null]] as [JSON] {
                #expect(try await rig.ask(.post, "/admin/dead/replay", as: "a", body).status == 400)
            }
            let first = try await rig.ask(.post, "/admin/dead/replay", as: "a", ["limit": 2]).json["data"]
            #expect(first?["replayed"]?.integer == 2)
            #expect(first?["remaining"]?.integer == 1)
            let states = try await rig.ledger.read("test") { tx in
                try [old, new].map { try tx.deliveries.find($0)?.state }
            }
            #expect(states == [.pending, .dead])
        }
    }

    @Test func `count dead deliveries in the gauge of the dead letters`() async throws {
        try await withAdmin { rig in
            _ = try await rig.reject("a", track: "trk_1")
            await rig.health.look()
            #expect(rig.metrics.text.contains("dlq_size{queue=\"deliver\"} 1.0\n"))
            #expect(rig.metrics.text.contains("dlq_size{queue=\"finish\"} 0.0\n"))
        }
    }

    @Test func `give a tenant limits, which hold where its next upload begins`() async throws {
        try await withAdmin { rig in
            #expect(try await rig.ask(.get, "/admin/tenants/a").status == 404)
            #expect(try await rig.ask(.put, "/admin/tenants/a", as: "a", ["quotaBytes": 1]).status == 403)
            #expect(try await rig.ask(.put, "/admin/tenants/a", ["quotaBytes": -1]).status == 400)
            let made = try await rig.ask(.put, "/admin/tenants/a", ["name": "A", "quotaBytes": 100])
            #expect(made.status == 201)
            #expect(made.json["data"]?["quotaBytes"]?.integer == 100)
            #expect(try await rig.begin("a", size: 60) == nil)
            #expect(try await rig.begin("a", size: 60) == .insufficientStorage)
            #expect(try await rig.begin("b", size: 60) == nil)
            let shown = try await rig.ask(.get, "/admin/tenants/a", as: "a").json["data"]
            #expect(shown?["reservedBytes"]?.integer == 60)
            #expect(try await rig.ask(.get, "/admin/tenants/a", as: "b").status == 404)
            #expect(try await rig.ask(.put, "/admin/tenants/a", ["uploadsPerHour": 1]).status == 200)
            #expect(try await rig.begin("a", size: 60) == .uploadQuotaExceeded)
            #expect(try await rig.ask(.put, "/admin/tenants/a", ["suspended": true]).status == 200)
            #expect(try await rig.begin("a", size: 60) == .forbidden)
            let list = try await rig.ask(.get, "/admin/tenants").json["data"]?.array ?? []
            #expect(list.compactMap { $0["id"]?.string } == ["a"])
        }
    }

    @Test func `tell the operator of nodes, queues and dependencies`() async throws {
        try await withAdmin { rig in
            let now = rig.time.now
            try await rig.ledger.write("node") { tx in
                try tx.nodes.register(
                    NodeRow(
                        id: AdminRig.node, boot: "b", name: "one", roles: ["work"], startedAt: now, heartbeatAt: now))
            }
            func status() async throws -> String? {
                let data = try await rig.ask(.get, "/admin/system-health").json["data"]
                #expect(data?["version"]?.string == ProgramVersion.current.description)
                return data?["nodes"]?.array?.first?["status"]?.string
            }
            #expect(try await status() == "up")
            rig.time.advance(by: .seconds(31))
            #expect(try await status() == "down")
            #expect(try await rig.ask(.get, "/admin/system-health", as: "a").status == 403)
        }
    }
}

extension AdminRig {
    /// A delivery that the core API answered with 400.
    fileprivate func reject(_ tenant: String, track: String) async throws -> String {
        try await ledger.write("test") { tx in
            let track = TrackID(checked: track)
            let event = try tx.outbox.append(
                tenant: TenantID(checked: tenant), type: .trackReady, trackID: track, requestID: nil
            ) { _, _ in [] }
            let row = DeliveryRow(endpoint: CoreCallback.endpoint, event: event, trackID: track)
            try tx.deliveries.insert(row)
            _ = try tx.deliveries.settle(
                row.id, .dead, attempts: 1, nextAt: tx.now, status: 400, error: "answered 400",
                answer: "unknown track")
            return row.id
        }
    }

    /// Why an upload of this size may not begin; nil when it does.
    fileprivate func begin(_ tenant: String, size: Int64) async throws -> FailureCode? {
        let user = Principal(tenant: TenantID(checked: tenant), user: UserID(checked: "u"), permissions: [.uploadAudio])
        do {
            let wish = NewUpload(filename: "a.wav", size: size)
            _ = try await uploads.create(wish, idempotency: nil, from: Origin(principal: user, requestID: .make()))
            return nil
        } catch let failure as IngestFailure {
            return failure.refusal.code
        }
    }
}
