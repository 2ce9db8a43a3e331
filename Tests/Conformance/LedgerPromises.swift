import Core
import Ledger
import Synchronization
import TestSupport
import Testing

/// What every ledger promises. A backend's test file only says how to make one; a promise is written once, here.
struct LedgerPromise: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let check: @Sendable (any LedgerStore, ManualTime) async throws -> Void

    init(_ sentence: String, _ check: @escaping @Sendable (any LedgerStore, ManualTime) async throws -> Void) {
        testDescription = sentence
        self.check = check
    }

    static let all: [Self] =
        transactions + claiming + leases + recovering + fairness + tracks + uploads + outbox + access + disk
        + multiparts + administration + order

    private static let transactions: [Self] = [
        Self("shows what was committed to readers") { ledger, _ in
            try await ledger.write("a") { try $0.settings.set("a", "1") }
            #expect(try await ledger.read("b") { try $0.settings.get("a") } == "1")
        },
        Self("undoes all of a body that throws, and nothing of its neighbours") { ledger, _ in
            struct Refused: Error {}
            try await withThrowingTaskGroup { group in
                for number in 0..<64 {
                    group.addTask {
                        do {
                            try await ledger.write("a") { tx in
                                try tx.settings.set("kept-\(number)", "1")
                                if number % 2 == 1 { throw Refused() }
                            }
                        } catch is Refused {}
                    }
                }
                try await group.waitForAll()
            }
            let kept = try await ledger.read("b") { tx in
                try (0..<64).filter { try tx.settings.get("kept-\($0)") != nil }
            }
            #expect(kept == (0..<64).filter { $0 % 2 == 0 })
        },
        Self("raises hints after a commit, and none after a failure") { ledger, _ in
            struct Refused: Error {}
            let mark = ledger.hints.mark(.jobs)
            await #expect(throws: Refused.self) {
                try await ledger.write("a") { tx in
                    try tx.jobs.enqueue(job())
                    throw Refused()
                }
            }
            var seen = mark
            #expect(ledger.hints.mark(.jobs) == mark)
            try await ledger.write("b") { _ = try $0.jobs.enqueue(job()) }
            await ledger.hints.wait(for: .jobs, since: &seen)
            #expect(seen != mark)
        },
        Self("refuses to write in a read") { ledger, _ in
            await #expect(throws: LedgerFailure.self) {
                try await ledger.read("a") { try $0.settings.set("a", "1") }
            }
        },
        Self("takes nothing after it was closed") { ledger, _ in
            await ledger.close()
            let failure = await #expect(throws: LedgerFailure.self) {
                try await ledger.write("a") { try $0.settings.set("a", "1") }
            }
            #expect(failure?.kind == .closed)
        },
    ]
}

/// A job of no meaning.
func job(
    _ tenant: String = "a", queue: Queue = .finish, key: String? = nil, priority: Int = 0, runAt: Timestamp? = nil,
    pinnedNode: NodeID? = nil, maximumAttempts: Int = 25
) -> NewJob {
    NewJob(
        kind: "test", queue: queue, tenant: TenantID(checked: tenant), payload: ["endpoint": "core"], uniqueKey: key,
        priority: priority, runAt: runAt, pinnedNode: pinnedNode, maximumAttempts: maximumAttempts)
}

let node = NodeID(checked: "node_1")

extension LedgerStore {
    func add(_ job: NewJob, maximumDepth: Int = .max) async throws -> JobID {
        try await write("add") { try $0.jobs.enqueue(job, maximumDepth: maximumDepth).id }
    }

    func claim(
        _ limit: Int = 1, node: NodeID = node, boot: String = "boot_1", queues: [Queue] = Queue.allCases
    ) async throws -> [ClaimedJob] {
        try await write("claim") {
            try $0.jobs.claim(node: node, boot: boot, queues: queues, limit: limit, lease: .seconds(30))
        }
    }

    func settle(_ lease: Lease, _ outcome: JobOutcome) async throws -> Bool {
        try await write("settle") { try $0.jobs.settle(lease, outcome) }
    }

    func look(_ id: JobID) async throws -> (job: JobRow, attempts: [JobAttempt]) {
        try #require(try await read("look") { try $0.jobs.find(id) })
    }
}
