package import Core
import Platform

/// The ledger on a PostgreSQL server, for several nodes: a few connections, each on a thread of its own, which run the same
/// bodies as the embedded ledger's. What two bodies decide on, they hold by row locks; a body whose transaction lost a race
/// or its connection, before anything was committed, is run again.
package final class PostgresLedger: LedgerStore {
    package struct Configuration: Sendable {
        package var address: PostgresAddress
        package var connections = 8
        /// Past it, a call is refused as `.overloaded`.
        package var maximumWaiting = 4096
        /// How long one call may take, waiting for a connection and being run again included.
        package var patience: Duration = .seconds(10)
        package var migrations = Migration.all
        package var program = ProgramVersion.current
        /// Told how long each body waited and ran, by its label.
        package var observe: (@Sendable (StaticString, Duration) -> Void)?

        package init(address: PostgresAddress) { self.address = address }

        /// A body of ours takes milliseconds; a server that needs this long for a statement is as good as away.
        var statementLimit: Duration { max(patience / 2, .milliseconds(100)) }

        func connect(shard: Int64) throws(LedgerFailure) -> PostgresConnection {
            try PostgresConnection(
                address, shard: shard, patience: patience, statementLimit: statementLimit)
        }

        /// For the schema's steps, which may wait for another node's.
        func schema() throws(LedgerFailure) -> PostgresSchema {
            let connection = try PostgresConnection(
                address, shard: 0, patience: .seconds(1800), statementLimit: .seconds(1800))
            return PostgresSchema(
                migrations: Migrations(known: migrations, program: program), connection: connection)
        }
    }

    package let hints = Hints()
    private let requests: Mailbox<PostgresWorker.Request>
    private let notices: PostgresNotices
    private let time: any TimeSource
    private let configuration: Configuration
    private let ends: ThreadEnds

    /// Connects, and brings the schema up to date; blocks while it does.
    package init(_ configuration: Configuration, time: any TimeSource = SystemTime()) throws {
        try configuration.schema().migrate(now: time.now)
        self.configuration = configuration
        self.time = time
        requests = Mailbox(capacity: configuration.maximumWaiting)
        ends = ThreadEnds(expected: configuration.connections + 1)
        notices = try PostgresNotices(configuration.address, hints: hints)
        let (requests, notices, ends) = (requests, notices, ends)
        do {
            try startThread("ledger-notices", notices.loop(ends))
            for _ in 0..<configuration.connections {
                let worker = PostgresWorker(configuration, time: time, notices: notices)
                try startThread("ledger", worker.loop(requests, ends))
            }
        } catch {
            requests.close()
            notices.close()
            throw error
        }
    }

    deinit {
        requests.close()
        notices.close()
    }

    /// What opening it would change, oldest first.
    package static func plan(_ configuration: Configuration) throws -> [Migration] {
        try configuration.schema().plan()
    }

    package func write<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await submit(label, isWriting: true, body)
    }

    package func read<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await submit(label, isWriting: false, body)
    }

    package func close() async {
        requests.close()
        notices.close()
        await ends.all()
    }

    private func submit<T: Sendable>(
        _ label: StaticString, isWriting: Bool, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        let began = ContinuousClock.now
        defer { configuration.observe?(label, ContinuousClock.now - began) }
        let deadline = Deadline.after(configuration.patience)
        return try await withCheckedThrowingContinuation { continuation in
            let request = LedgerRequest(label, continuation, body)
            switch requests.put(.init(body: request, isWriting: isWriting, deadline: deadline)) {
            case .taken: break
            case .full: request.refuse(LedgerFailure(.overloaded, "Too many ledger calls are waiting already."))
            case .closed: request.refuse(LedgerFailure(.closed, "The ledger is closed."))
            }
        }
    }
}
