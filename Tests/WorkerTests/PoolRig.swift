import Core
import Ledger
import Synchronization
import TestSupport
import Testing
import Worker

/// A pool on a ledger of its own, in time that stands still.
struct PoolRig: Sendable {
    let ledger: SQLiteLedger
    /// The same one, as the pool asks it.
    let asked: CountedLedger
    let time: ManualTime
    let node: NodeID
    /// Counts jobs that were ended, one way or another.
    let ended: Tally
    let stop: @Sendable () -> Void
    let stopped: @Sendable () async -> Void

    func add(kind: String = "test") async throws -> JobID {
        try await ledger.write("add") {
            try $0.jobs.enqueue(NewJob(kind: kind, queue: .finish, tenant: TenantID(checked: "a"))).id
        }
    }

    func look(_ id: JobID) async throws -> JobRow {
        try #require(try await ledger.read("look") { try $0.jobs.find(id) }).job
    }
}

func withPool<T: Sendable>(
    limit: Int = 4, deadEnds: DeadEnds = DeadEnds(), handler: @escaping JobHandler, _ body: (PoolRig) async throws -> T
) async throws -> T {
    try await withTemporaryFolder { folder in
        let time = ManualTime()
        let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
        let node = NodeID(checked: "node_1")
        let ended = Tally()
        var configuration = WorkerPool.Configuration(node: node, boot: "boot_1", limits: [.finish: limit])
        configuration.policy = .schedule([.seconds(5), .seconds(5)], spread: 0)
        let asked = CountedLedger(ledger)
        let pool = WorkerPool(
            ledger: asked, configuration: configuration, handlers: ["test": handler], deadEnds: deadEnds,
            time: time
        ) { report in
            if case .ended = report { ended.add() }
        }
        // Ended and awaited below, whatever the body does.
        let run = Task { await pool.run() }
        let rig = PoolRig(
            ledger: ledger, asked: asked, time: time, node: node, ended: ended, stop: { run.cancel() },
            stopped: { await run.value })
        let result: Result<T, any Error>
        do { result = .success(try await body(rig)) } catch { result = .failure(error) }
        run.cancel()
        await run.value
        await ledger.close()
        return try result.get()
    }
}

/// A count that can be waited for.
final class Tally: Sendable {
    private let state = Mutex((count: 0, waiters: [(wanted: Int, continuation: CheckedContinuation<Void, Never>)]()))

    var count: Int { state.withLock(\.count) }

    func add() {
        let woken = state.withLock { state in
            state.count += 1
            let count = state.count
            let woken = state.waiters.filter { $0.wanted <= count }
            state.waiters.removeAll { $0.wanted <= count }
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    func wait(for wanted: Int) async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.count < wanted { state.waiters.append((wanted, continuation)) }
                return state.count >= wanted
            }
            if isOver { continuation.resume() }
        }
    }
}
