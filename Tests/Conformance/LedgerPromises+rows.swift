import Core
import Ledger
import TestSupport
import Testing

private let tenant = TenantID(checked: "a")

private func user() throws -> UserID { try #require(UserID("u1")) }

private func track(_ id: TrackID = .make(), tenant: TenantID = tenant, title: String = "A", at: Timestamp) throws
    -> TrackRow
{
    TrackRow(id: id, tenant: tenant, owner: try user(), uploadID: nil, title: title, createdAt: at)
}

private func upload(_ id: UploadID = .make(), at: Timestamp, expires: Duration = .seconds(60)) throws -> UploadRow {
    UploadRow(
        id: id, trackID: .make(), tenant: tenant, owner: try user(), protocol: .chunks, filename: "a \"b\" 'c'.flac",
        size: 5, requestID: .make(), node: node, expiresAt: at + expires, createdAt: at)
}

/// How many of eight callers were given the turn.
private func turns(of ledger: any LedgerStore) async throws -> Int {
    try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 {
            group.addTask { try await ledger.write("turn") { try $0.settings.takeTurn("t", every: .seconds(60)) } }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
}

extension LedgerPromise {
    static let tracks: [Self] = [
        Self("keeps a track id unique in the service, telling whose it is") { ledger, time in
            let id = TrackID(checked: "core-7")
            let mine = try track(id, at: time.now)
            let theirs = try track(id, tenant: TenantID(checked: "b"), at: time.now)
            try await ledger.write("a") { try $0.tracks.insert(mine) }
            let again = await #expect(throws: LedgerFailure.self) {
                try await ledger.write("a") { try $0.tracks.insert(mine) }
            }
            #expect(again?.kind == .conflict(.trackExists))
            let other = await #expect(throws: LedgerFailure.self) {
                try await ledger.write("a") { try $0.tracks.insert(theirs) }
            }
            #expect(other?.kind == .conflict(.trackOfAnotherTenant))
            #expect(try await ledger.write("a") { try $0.tracks.delete(id) })
            let deleted = await #expect(throws: LedgerFailure.self) {
                try await ledger.write("a") { try $0.tracks.insert(mine) }
            }
            #expect(deleted?.kind == .conflict(.trackDeleted))
        },
        Self("lists a tenant's tracks newest first, with exact totals") { ledger, time in
            for number in 0..<25 {
                let row = try track(title: number % 5 == 0 ? "100%_Ärger \(number)" : "Song \(number)", at: time.now)
                let foreign = try track(tenant: TenantID(checked: "b"), at: time.now)
                try await ledger.write("a") { tx in
                    try tx.tracks.insert(row)
                    try tx.tracks.insert(foreign)
                    if number % 10 == 0 { _ = try tx.tracks.fail(row.id, code: .corruptMedia, message: "m") }
                    if number == 24 { _ = try tx.tracks.delete(row.id) }
                }
                time.advance(by: .seconds(number % 2))
            }
            let first = try await ledger.read("b") { try $0.tracks.list(tenant: tenant, limit: 10) }
            #expect(first.total == 24)
            #expect(first.rows.count == 10)
            let second = try await ledger.read("b") {
                try $0.tracks.list(tenant: tenant, from: .after(first.next), limit: 20)
            }
            #expect(second.rows.count == 14)
            #expect(second.next == nil)
            #expect(Set((first.rows + second.rows).map(\.id)).count == 24)
            #expect(
                (first.rows + second.rows).map(\.createdAt) == (first.rows + second.rows).map(\.createdAt).sorted(by: >)
            )
            let paged = try await ledger.read("b") { try $0.tracks.list(tenant: tenant, from: .page(2), limit: 10) }
            #expect(paged.rows == Array(second.rows.prefix(10)))
            let failed = try await ledger.read("b") { try $0.tracks.list(tenant: tenant, state: .failed, limit: 10) }
            #expect(failed.total == 3)
            #expect(failed.rows.count == 3)
            let found = try await ledger.read("b") { try $0.tracks.list(tenant: tenant, search: "%_ä", limit: 10) }
            #expect(found.total == 5)
            #expect(found.rows.allSatisfy { $0.title.hasPrefix("100%_Ä") })
        },
        Self("flips to a generation once it is whole, and keeps the last one heard when a newer fails") {
            ledger, time in
            let row = try track(at: time.now)
            let old = GenerationID.make()
            let new = GenerationID.make()
            try await ledger.write("a") { tx in
                try tx.tracks.insert(row)
                for id in [old, new] {
                    try tx.generations.insert(
                        GenerationRow(
                            id: id, trackID: row.id, profile: "ladder", node: node, createdAt: tx.now,
                            heartbeatAt: tx.now))
                }
            }
            func publish(_ generation: GenerationID) async throws -> Bool {
                try await ledger.write("b") {
                    try $0.tracks.publish(row.id, generation: generation, metadata: "{}", scan: "{}", renditions: "[]")
                }
            }
            #expect(try await publish(old))
            #expect(try await ledger.write("c") { try $0.tracks.fail(row.id, code: .corruptMedia, message: "m") })
            let kept = try #require(try await ledger.read("d") { try $0.tracks.find(row.id) })
            #expect(kept.state == .ready)
            #expect(kept.generation == old)
            #expect(try await publish(new))
            let states = try await ledger.read("e") { tx in
                try [old, new].map { try tx.generations.find($0)?.state }
            }
            #expect(states == [.old, .live])
            #expect(try await ledger.write("f") { try $0.tracks.delete(row.id) })
            #expect(try await publish(new) == false)
            #expect(
                try await ledger.read("g") { try $0.tracks.counts(tenant: tenant) }.filter { $0.value != 0 } == [
                    .deleted: 1
                ])
        },
    ]

    static let uploads: [Self] = [
        Self("gives a small file back byte for byte, lists it under its node, and lets it go") { ledger, time in
            let (row, empty) = (try upload(at: time.now), try upload(at: time.now))
            let bytes = (0..<4_096).map { UInt8($0 % 256) }
            try await ledger.write("a") { tx in
                for row in [row, empty] { try tx.uploads.insert(row) }
                try tx.smallFiles.insert(row.id, bytes)
                try tx.smallFiles.insert(empty.id, [])
            }
            #expect(try await ledger.read("b") { try $0.smallFiles.find(row.id) } == bytes)
            #expect(try await ledger.read("c") { try $0.smallFiles.find(empty.id) } == [])
            let all = [row.id, empty.id].sorted()
            #expect(try await ledger.read("d") { try $0.smallFiles.list(node: row.node, limit: 9) } == all)
            #expect(
                try await ledger.read("e") { try $0.smallFiles.list(node: row.node, after: all[0], limit: 9) }
                    == [all[1]])
            try await ledger.write("f") { try $0.smallFiles.remove(row.id) }
            #expect(try await ledger.read("g") { try $0.smallFiles.find(row.id) } == nil)
        },
        Self("gives an upload back as it was, and moves it only from where it stands") { ledger, time in
            let row = try upload(at: time.now)
            try await ledger.write("a") { try $0.uploads.insert(row) }
            #expect(try await ledger.read("b") { try $0.uploads.find(row.id) } == row)
            #expect(try await ledger.write("c") { try $0.uploads.setState(row.id, from: [.receiving], to: .verifying) })
            #expect(
                try await ledger.write("c") { try $0.uploads.setState(row.id, from: [.receiving], to: .cancelled) }
                    == false)
            #expect(
                try await ledger.write("d") {
                    try $0.uploads.setState(
                        row.id, from: [.verifying, .scanning], to: .failed, error: (.infected, "m"))
                })
            let failed = try #require(try await ledger.read("e") { try $0.uploads.find(row.id) })
            #expect(failed.errorCode == .infected)
            #expect(failed.errorMessage == "m")
        },
        Self("counts a user's open and recent uploads, and finds the expired ones") { ledger, time in
            let owner = try user()
            for number in 0..<3 {
                let row = try upload(at: time.now, expires: .seconds(10 * (number + 1)))
                try await ledger.write("a") { try $0.uploads.insert(row) }
            }
            time.advance(by: .seconds(15))
            let moment = time.now
            let expired = try await ledger.read("b") { try $0.uploads.expired(node: node, before: moment, limit: 10) }
            #expect(expired.count == 1)
            let elsewhere = NodeID(checked: "node_elsewhere")
            #expect(
                try await ledger.read("b") { try $0.uploads.expired(node: elsewhere, before: moment, limit: 10) }
                    .isEmpty)
            _ = try await ledger.write("c") { try $0.uploads.setState(expired[0].id, from: [.receiving], to: .expired) }
            #expect(try await ledger.read("d") { try $0.uploads.open(tenant: tenant, owner: owner) } == 2)
            #expect(try await ledger.read("d") { try $0.uploads.createdInLastHour(tenant: tenant, owner: owner) } == 3)
            time.advance(by: .seconds(3600))
            #expect(try await ledger.read("d") { try $0.uploads.createdInLastHour(tenant: tenant, owner: owner) } == 0)
        },
        Self("remembers an idempotency key for a day") { ledger, time in
            let owner = try user()
            let row = try upload(at: time.now)
            try await ledger.write("a") { tx in
                try tx.uploads.insert(row)
                try tx.uploads.rememberIdempotent(
                    tenant: tenant, owner: owner, key: "k", bodyDigest: "d", upload: row.id)
            }
            let found = try await ledger.read("b") {
                try $0.uploads.findIdempotent(tenant: tenant, owner: owner, key: "k")
            }
            #expect(found?.upload == row)
            #expect(found?.bodyDigest == "d")
            time.advance(by: .seconds(86_400))
            let late = try await ledger.read("b") {
                try $0.uploads.findIdempotent(tenant: tenant, owner: owner, key: "k")
            }
            #expect(late == nil)
            #expect(try await ledger.write("c") { try $0.uploads.forgetIdempotent(limit: 10) } == 1)
        },
    ]

    static let outbox: [Self] = [
        Self("numbers a tenant's events without gaps, whatever fails between them") { ledger, _ in
            struct Refused: Error {}
            let id = TrackID.make()
            try await withThrowingTaskGroup { group in
                for number in 0..<60 {
                    group.addTask {
                        do {
                            try await ledger.write("a") { tx in
                                let owner = number % 3 == 0 ? TenantID(checked: "b") : tenant
                                try tx.outbox.append(tenant: owner, type: .trackReady, trackID: id, requestID: nil) {
                                    Array("{\"id\":\"\($0)\",\"sequence\":\($1)}".utf8)
                                }
                                if number % 4 == 0 { throw Refused() }
                            }
                        } catch is Refused {}
                    }
                }
                try await group.waitForAll()
            }
            for owner in [tenant, TenantID(checked: "b")] {
                let events = try await ledger.read("b") { try $0.outbox.after(0, tenant: owner, limit: 100) }
                #expect(!events.isEmpty)
                #expect(events.map(\.sequence) == Array(1...Int64(events.count)))
                for event in events {
                    #expect(event.body == Array("{\"id\":\"\(event.id)\",\"sequence\":\(event.sequence)}".utf8))
                }
                let rest = try await ledger.read("c") { try $0.outbox.after(5, tenant: owner, track: id, limit: 2) }
                #expect(rest == Array(events.dropFirst(5).prefix(2)))
            }
        },
        Self("hands out deliveries of one endpoint and track in order, one at a time") { ledger, time in
            let id = TrackID.make()
            try await ledger.write("a") { tx in
                for _ in 0..<3 {
                    let event = try tx.outbox.append(tenant: tenant, type: .trackReady, trackID: id, requestID: nil) {
                        Array("\($0) \($1)".utf8)
                    }
                    try tx.deliveries.insert(DeliveryRow(endpoint: "core", event: event, trackID: id))
                }
            }
            let now = time.now
            var order: [Int64] = []
            while let next = try await ledger.read("b", { try $0.deliveries.next(endpoint: "core", track: id) }) {
                order.append(next.sequence)
                #expect(try await ledger.read("b") { try $0.deliveries.next(endpoint: "core", track: id) } == next)
                #expect(
                    try await ledger.write("c") {
                        try $0.deliveries.settle(next.id, .done, attempts: 1, nextAt: now, status: 200, error: nil)
                    })
            }
            #expect(order == [1, 2, 3])
        },
        Self("keeps events that a delivery still waits for") { ledger, time in
            let id = TrackID.make()
            let waiting = try await ledger.write("a") { tx in
                var events: [EventRow] = []
                for _ in 0..<2 {
                    events.append(
                        try tx.outbox.append(tenant: tenant, type: .trackReady, trackID: id, requestID: nil) { _, _ in
                            []
                        })
                }
                try tx.deliveries.insert(DeliveryRow(endpoint: "core", event: events[1], trackID: id))
                return events[1]
            }
            time.advance(by: .seconds(10))
            let moment = time.now
            #expect(try await ledger.write("b") { try $0.outbox.forget(before: moment, limit: 10) } == 1)
            #expect(try await ledger.read("c") { try $0.outbox.after(0, tenant: tenant, limit: 10) } == [waiting])
        },
        Self("remembers a circuit as it was set") { ledger, time in
            #expect(try await ledger.read("a") { try $0.circuits.find("core") } == CircuitRow(endpoint: "core"))
            for failures in [5, 6] {
                let row = CircuitRow(
                    endpoint: "core", state: .halfOpen, failures: failures, probeAt: time.now, wait: .seconds(30))
                try await ledger.write("b") { try $0.circuits.set(row) }
                #expect(try await ledger.read("a") { try $0.circuits.find("core") } == row)
            }
        },
    ]

    static let access: [Self] = [
        Self("finds keys by prefix, and revokes one once") { ledger, time in
            let row = KeyRow(
                id: .make(), tenant: tenant, name: "n", prefix: "slk_live_0123", hash: "ff",
                permissions: ["UploadAudio", "ManageTracks"], createdAt: time.now)
            try await ledger.write("a") { try $0.keys.insert(row) }
            #expect(try await ledger.read("b") { try $0.keys.findByPrefix("slk_live_0123") } == [row])
            #expect(try await ledger.read("b") { try $0.keys.findByPrefix("slk_live_") }.isEmpty)
            #expect(try await ledger.write("c") { try $0.keys.revoke(row.id) })
            #expect(try await ledger.write("c") { try $0.keys.revoke(row.id) } == false)
            #expect(try await ledger.read("d") { try $0.keys.list(tenant: tenant) }.first?.revokedAt == time.now)
        },
        Self("lets a sign-in code and a session of one use in once") { ledger, time in
            let session = SessionID.make()
            let expiry = time.now + .seconds(600)
            try await ledger.write("a") { tx in
                try tx.signInCodes.insert(hash: "h", expiresAt: expiry)
                try tx.signInCodes.insert(hash: "late", expiresAt: expiry)
                try tx.sessions.insert(session, track: .make(), tenant: tenant, once: true, expiresAt: expiry)
            }
            let (codes, sessions) = try await withThrowingTaskGroup { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await ledger.write("b") {
                            (try $0.signInCodes.use(hash: "h"), try $0.sessions.take(session))
                        }
                    }
                }
                return try await group.reduce(into: (0, 0)) {
                    $0.0 += $1.0 ? 1 : 0
                    $0.1 += $1.1 ? 1 : 0
                }
            }
            #expect(codes == 1)
            #expect(sessions == 1)
            time.advance(by: .seconds(600))
            #expect(try await ledger.write("c") { try $0.signInCodes.use(hash: "late") } == false)
        },
        Self("revokes a session it has never seen, within its own track and tenant") { ledger, time in
            let session = SessionID.make()
            let track = TrackID.make()
            let expiry = time.now + .seconds(600)
            try await ledger.write("a") {
                try $0.sessions.insert(session, track: track, tenant: tenant, once: false, expiresAt: expiry)
            }
            try await ledger.write("a") {
                try $0.sessions.revoke(session, track: track, tenant: TenantID(checked: "b"), expiresAt: expiry)
            }
            #expect(try await ledger.read("b") { try $0.sessions.isRevoked(session) } == false)
            let unseen = SessionID.make()
            try await ledger.write("c") {
                try $0.sessions.revoke(unseen, track: track, tenant: tenant, expiresAt: expiry)
            }
            #expect(try await ledger.read("d") { try $0.sessions.revoked(limit: 10) } == [unseen])
        },
    ]

    static let disk: [Self] = [
        Self("reserves disk by arithmetic, within the node's space and the tenant's quota") { ledger, _ in
            func reserve(_ owner: String, _ bytes: Int64, quota: Int64? = nil) async throws -> Reservations.Outcome {
                let row = ReservationRow(owner: owner, node: node, tenant: tenant, bytes: bytes)
                return try await ledger.write("a") { try $0.reservations.reserve(row, available: 100, quota: quota) }
            }
            #expect(try await reserve("up_1", 60) == .reserved)
            #expect(try await reserve("up_2", 41) == .noSpace(reserved: 60))
            #expect(try await reserve("up_2", 30, quota: 80) == .overQuota(used: 60))
            #expect(try await reserve("up_1", 90) == .reserved)
            #expect(try await ledger.read("b") { try $0.reservations.total(node: node) } == 90)
            try await ledger.write("c") { try $0.reservations.release("up_1") }
            #expect(try await reserve("up_2", 100) == .reserved)
        },
        Self("counts what each reservation costs its node beside its bytes, in no tenant's quota") { ledger, _ in
            func reserve(_ owner: String, _ bytes: Int64) async throws -> Reservations.Outcome {
                let row = ReservationRow(owner: owner, node: node, tenant: tenant, bytes: bytes)
                return try await ledger.write("a") {
                    try $0.reservations.reserve(row, available: 100, overhead: 10, quota: 80)
                }
            }
            let alone = try await reserve("up_1", 91)
            #expect(alone == .noSpace(reserved: 0))
            let first = try await reserve("up_1", 40)
            #expect(first == .reserved)
            let tooMuch = try await reserve("up_2", 41)
            #expect(tooMuch == .noSpace(reserved: 50))
            let second = try await reserve("up_2", 40)
            #expect(second == .reserved)
            let empty = try await reserve("up_3", 0)
            #expect(empty == .noSpace(reserved: 100))
            let ofTenant = try await ledger.read("b") { try $0.reservations.total(tenant: tenant) }
            #expect(ofTenant == 80)
        },
        Self("gives a periodic turn to one caller, and one alone after an outage") { ledger, time in
            let first = try await turns(of: ledger)
            #expect(first == 1)
            time.advance(by: .seconds(59))
            let early = try await turns(of: ledger)
            #expect(early == 0)
            time.advance(by: .seconds(100_000))
            let overdue = try await turns(of: ledger)
            #expect(overdue == 1)
        },
    ]
}
