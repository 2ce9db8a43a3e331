package import Core
import Glibc
import Synchronization

/// The ledger in one SQLite file: one thread writes, in groups that share a commit; a few threads read. The file is in WAL
/// mode, and with `durable` no write is answered before it is on the disk.
package final class SQLiteLedger: LedgerStore {
    package struct Configuration: Sendable {
        package var path: String
        package var durable = true
        package var readers = 2
        /// Past it, a call is refused as `.overloaded`.
        package var maximumWaiting = 4096
        /// The file grows no larger; past it writes fail as `.full`.
        package var maximumBytes: Int64?
        package var migrations = Migration.all
        package var program = ProgramVersion.current
        /// Told how long each body waited and ran, by its label.
        package var observe: (@Sendable (StaticString, Duration) -> Void)?

        package init(path: String) { self.path = path }
    }

    package let hints = Hints()
    private let writes: Mailbox<LedgerRequest>
    private let reads: Mailbox<LedgerRequest>
    private let time: any TimeSource
    private let observe: (@Sendable (StaticString, Duration) -> Void)?
    private let ends: ThreadEnds

    /// Opens the file, checks it and brings its schema up to date; blocks while it does. Nothing is left half-written when
    /// it throws.
    package init(_ configuration: Configuration, time: any TimeSource = SystemTime()) throws {
        let writer = try SQLiteFile(configuration, now: time.now).open()
        writes = Mailbox(capacity: configuration.maximumWaiting)
        reads = Mailbox(capacity: configuration.maximumWaiting)
        self.time = time
        observe = configuration.observe
        ends = ThreadEnds(expected: 1 + configuration.readers)
        let (writes, reads, ends, hints) = (writes, reads, ends, hints)
        do {
            try startThread("ledger-write", SQLiteWriter(writer, time: time, hints: hints).loop(writes, ends))
            for _ in 0..<configuration.readers {
                let reader = try SQLiteConnection(
                    path: configuration.path, role: .reader, durable: configuration.durable)
                try startThread("ledger-read", SQLiteReader(reader, time: time).loop(reads, ends))
            }
        } catch {
            writes.close()
            reads.close()
            throw error
        }
    }

    deinit {
        writes.close()
        reads.close()
    }

    package func write<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await submit(to: writes, label, body)
    }

    package func read<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await submit(to: reads, label, body)
    }

    package func close() async {
        writes.close()
        reads.close()
        await ends.all()
    }

    private func submit<T: Sendable>(
        to mailbox: Mailbox<LedgerRequest>, _ label: StaticString,
        _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        let began = ContinuousClock.now
        defer { observe?(label, ContinuousClock.now - began) }
        return try await withCheckedThrowingContinuation { continuation in
            let request = LedgerRequest(label, continuation, body)
            switch mailbox.put(request) {
            case .taken: break
            case .full: request.refuse(LedgerFailure(.overloaded, "Too many ledger calls are waiting already."))
            case .closed: request.refuse(LedgerFailure(.closed, "The ledger is closed."))
            }
        }
    }
}

/// Waits until every thread of a ledger has ended.
final class ThreadEnds: Sendable {
    private struct State {
        var running: Int
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(expected: Int) { state = Mutex(State(running: expected)) }

    func end() {
        let waiters = state.withLock { state in
            state.running -= 1
            guard state.running == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func all() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.running > 0 { state.waiters.append(continuation) }
                return state.running == 0
            }
            if isOver { continuation.resume() }
        }
    }
}
