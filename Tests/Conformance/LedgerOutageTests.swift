import Core
import Ledger
import Synchronization
import TestSupport
import Testing

/// A server that goes away under load: nothing acknowledged is lost, nothing is done twice, and nobody has to help.
@Suite(.serialized, .timeLimit(.minutes(5))) struct `PostgreSQL that goes away` {
    @Test func `stopped at once and started again, loses no job and lets none be done twice`() async throws {
        try await survives { server, whileAway in
            await server.kill()
            try await whileAway()
            try await server.start()
        }
    }

    @Test func `frozen and thawed, loses no job and lets none be done twice`() async throws {
        try await survives { server, whileAway in
            try await server.freeze()
            try await whileAway()
            try await server.thaw()
        }
    }

    private func survives(
        _ outage: (PrivatePostgres, () async throws -> Void) async throws -> Void
    ) async throws {
        let server = try await PrivatePostgres()
        var configuration = PostgresLedger.Configuration(
            address: try PostgresAddress(try await server.database(), connectSeconds: 2))
        configuration.patience = .seconds(8)
        let time = ManualTime()
        let ledger = try PostgresLedger(configuration, time: time)
        let load = Load(ledger: ledger)
        async let working: Void = load.run()
        await load.isUnderWay()
        try await outage(server) {
            let failure = await #expect(throws: LedgerFailure.self) { try await ledger.add(job()) }
            #expect(failure?.kind == .unavailable)
            #expect(failure?.isPassing == true)
        }
        try await working
        // What was under way when the server went has its lease run out.
        time.advance(by: .seconds(31))
        _ = try await ledger.write("reap") { try $0.jobs.reap() }
        while try await load.workOnce() {}

        let effects = try await ledger.read("effects") { tx in
            try Dictionary(uniqueKeysWithValues: load.acknowledged.map { ($0, try tx.settings.get("effect-\($0)")) })
        }
        #expect(effects.count == Load.jobs)
        for (id, count) in effects { #expect(count == "1", "\(id): \(count ?? "none")") }
        let counts = try await ledger.read("counts") { try $0.queues.counts(.finish).filter { $0.value != 0 } }
        // An enqueue whose answer was lost may have been committed, and was then worked like any other.
        #expect(counts.keys.sorted { $0.rawValue < $1.rawValue } == [.done])
        #expect(counts[.done, default: 0] >= Load.jobs)
        await ledger.close()
        await server.kill()
    }
}

/// Producers and workers that go on through whatever the server does.
private final class Load: Sendable {
    static let jobs = 400

    private struct State {
        var acknowledged: [JobID] = []
        var waiter: CheckedContinuation<Void, Never>?
        var areProducing = 2
    }

    let ledger: PostgresLedger
    private let state = Mutex(State())

    init(ledger: PostgresLedger) { self.ledger = ledger }

    var acknowledged: [JobID] { state.withLock(\.acknowledged) }

    func run() async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<2 { group.addTask { try await self.produce(Self.jobs / 2) } }
            for _ in 0..<3 {
                group.addTask {
                    while true {
                        let isLast = self.state.withLock { $0.areProducing == 0 }
                        if try await !self.workOnce(), isLast { return }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Returns when a quarter of it was acknowledged.
    func isUnderWay() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.acknowledged.count < Self.jobs / 4 { state.waiter = continuation }
                return state.waiter == nil
            }
            if isOver { continuation.resume() }
        }
    }

    private func produce(_ count: Int) async throws {
        for _ in 0..<count {
            let id = try await whenPassing { try await self.ledger.add(job()) }
            let waiter = state.withLock { state in
                state.acknowledged.append(id)
                guard state.acknowledged.count >= Self.jobs / 4 else { return nil as CheckedContinuation<Void, Never>? }
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
        state.withLock { $0.areProducing -= 1 }
    }

    /// False when there was nothing to do.
    func workOnce() async throws -> Bool {
        let jobs = try await whenPassing { try await self.ledger.claim(3) }
        for job in jobs {
            do {
                try await ledger.write("work") { tx in
                    guard try tx.jobs.settle(job.lease, .done) else { return }
                    let before = try tx.settings.get("effect-\(job.id)").flatMap { Int($0) } ?? 0
                    try tx.settings.set("effect-\(job.id)", "\(before + 1)")
                }
            } catch let failure as LedgerFailure where failure.isPassing {
                // Committed or not: its lease says so later.
            }
        }
        return !jobs.isEmpty
    }

    /// Again and again while the server is away; each time ends at its deadline.
    private func whenPassing<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        while true {
            do { return try await body() } catch let failure as LedgerFailure where failure.isPassing {}
        }
    }
}
