import Core
import Ledger
import TestSupport
import Testing

extension LedgerPromise {
    static let order: [Self] = [
        Self("serves queues by their weights, 5 to 1, while both have work") { ledger, _ in
            try await ledger.write("fill") { tx in
                for _ in 0..<120 {
                    try tx.jobs.enqueue(job("a", queue: .deliver))
                    try tx.jobs.enqueue(job("a", queue: .sweep))
                }
            }
            var counts: [Queue: Int] = [:]
            var turns = QueueTurns()
            for _ in 0..<30 {
                let before = turns
                let (jobs, after) = try await ledger.write("claim") { tx in
                    try tx.jobs.claim(
                        Claim(
                            node: node, boot: "boot_1", room: [.deliver: 4, .sweep: 4], limit: 4, lease: .seconds(30)),
                        turns: before)
                }
                turns = after
                for one in jobs { counts[one.queue, default: 0] += 1 }
            }
            #expect(counts == [.deliver: 100, .sweep: 20])
        },
        Self("says of a full queue how long it takes until there is room, at the pace of the last jobs") {
            ledger, time in
            for _ in 0..<30 { _ = try await ledger.add(job()) }
            for claimed in try await ledger.claim(20) {
                time.advance(by: .seconds(1))
                #expect(try await ledger.settle(claimed.lease, .done))
            }
            time.advance(by: .seconds(21))
            // 20 jobs in 40 s, and ten have to go before there is room for one.
            let slow = try await refusal(ledger, maximum: 1)
            #expect(slow == .queueFull(queue: .finish, depth: 10, maximum: 1, wait: .seconds(20)))
            time.advance(by: .seconds(1_000_000))
            let stuck = try await refusal(ledger, maximum: 10)
            #expect(stuck == .queueFull(queue: .finish, depth: 10, maximum: 10, wait: .seconds(300)))
        },
        Self("finds a title among the newest and a whole id among all, and counts what it finds") { ledger, time in
            let tenant = TenantID(checked: "a")
            func add(_ title: String, _ id: TrackID = .make()) async throws {
                let now = time.now
                try await ledger.write("a") { tx in
                    try tx.tracks.insert(
                        TrackRow(
                            id: id, tenant: tenant, owner: UserID(checked: "u"), uploadID: nil, title: title,
                            createdAt: now))
                }
                time.advance(by: .seconds(1))
            }
            func find(_ text: String) async throws -> (titles: [String], total: Int) {
                let page = try await ledger.read("b") { try $0.tracks.list(tenant: tenant, search: text, limit: 5) }
                return (page.rows.map(\.title), page.total)
            }
            let id = TrackID.make()
            try await add("The oldest lake", id)
            let got16 = try await find("LAKE")
            #expect(got16.titles == ["The oldest lake"])
            for _ in 0..<20 {
                let now = time.now
                try await ledger.write("fill") { tx in
                    for number in 0..<500 {
                        try tx.tracks.insert(
                            TrackRow(
                                id: .make(), tenant: tenant, owner: UserID(checked: "u"), uploadID: nil,
                                title: "Rain \(number)", createdAt: now))
                    }
                }
                time.advance(by: .seconds(1))
            }
            try await add("Lake 2")
            let found = try await find("lake")
            #expect(found.titles == ["Lake 2"])
            #expect(found.total == 1)
            let got17 = try await find(id.text)
            #expect(got17.titles == ["The oldest lake"])
            let got18 = try await find("rain 499")
            #expect(got18.total == 20)
        },
    ]
}

/// Why one more job is not taken; nil when it is.
private func refusal(_ ledger: any LedgerStore, maximum: Int) async throws -> LedgerFailure.Kind? {
    do {
        _ = try await ledger.add(job(), maximumDepth: maximum)
        return nil
    } catch let failure as LedgerFailure {
        return failure.kind
    }
}
