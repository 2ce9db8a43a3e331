import Core
import Glibc
import Platform

/// One connection's thread: runs one body after another, each in a transaction of its own, and connects again when the
/// server was away.
///
/// `@unchecked Sendable`: handed to its thread at start, and used there alone.
final class PostgresWorker: @unchecked Sendable {
    struct Request: Sendable {
        let body: LedgerRequest
        let isWriting: Bool
        let deadline: Deadline
    }

    private enum Outcome {
        case answered
        /// Nothing was committed.
        case again(LedgerFailure)
    }

    /// Of one body that loses race after race.
    private static let maximumRuns = 20
    /// Counters have so many rows; connections of one server seldom share one.
    private static let shards: Int64 = 64

    private let configuration: PostgresLedger.Configuration
    private let time: any TimeSource
    private let notices: PostgresNotices
    private var connection: PostgresConnection?
    /// How often in a row the server could not be reached.
    private var failures = 0
    private var lastFailure: LedgerFailure?
    private var nextTry = Deadline.now

    init(_ configuration: PostgresLedger.Configuration, time: any TimeSource, notices: PostgresNotices) {
        self.configuration = configuration
        self.time = time
        self.notices = notices
    }

    func loop(_ mailbox: Mailbox<Request>, _ ends: ThreadEnds) -> @Sendable () -> Void {
        { [self] in
            while let requests = mailbox.take(upTo: 1) {
                for request in requests { serve(request) }
            }
            connection = nil
            ends.end()
        }
    }

    private func serve(_ request: Request) {
        for run in 1... {
            do throws(LedgerFailure) {
                let connection = try connected(by: request.deadline)
                let outcome = request.isWriting ? write(request, connection) : read(request, connection)
                if connection.isLost { self.connection = nil }
                guard case .again(let failure) = outcome else { return }
                guard run < Self.maximumRuns, !request.deadline.isPast else { throw failure }
                // The others of the race go on meanwhile.
                if failure.kind == .raced { pause(.milliseconds(Int64.random(in: 1...(1 << min(run, 6))))) }
            } catch {
                return request.body.refuse(error)
            }
        }
    }

    private func write(_ request: Request, _ connection: PostgresConnection) -> Outcome {
        connection.begin(writing: true)
        let ran = request.body.run(Transaction(connection: connection, now: time.now))
        if let failure = ran.failure {
            connection.rollback()
            if let again = again(failure, connection) { return .again(again) }
            ran.answer(nil)
            return .answered
        }
        do throws(LedgerFailure) {
            try connection.commit()
        } catch {
            if connection.isLost {
                ran.answer(
                    LedgerFailure(
                        .unavailable, "Whether it was committed is not known: the connection was lost. \(error.message)"
                    ))
                return .answered
            }
            connection.rollback()
            if let again = again(error, connection) { return .again(again) }
            ran.answer(error)
            return .answered
        }
        // Before the answer: who is answered may look at once.
        notices.raise(connection.pendingHints)
        ran.answer(nil)
        return .answered
    }

    private func read(_ request: Request, _ connection: PostgresConnection) -> Outcome {
        connection.begin(writing: false)
        let ran = request.body.run(Transaction(connection: connection, now: time.now))
        connection.rollback()
        if let failure = ran.failure, let again = again(failure, connection) { return .again(again) }
        ran.answer(nil)
        return .answered
    }

    /// Why the body is to be run again, if it is: whatever the body made of the failure, the connection knows what it was.
    private func again(_ failure: any Error, _ connection: PostgresConnection) -> LedgerFailure? {
        if connection.isLost {
            return failure as? LedgerFailure ?? LedgerFailure(.unavailable, "The connection to PostgreSQL is gone.")
        }
        if let failure = failure as? LedgerFailure, failure.kind == .raced { return failure }
        return connection.hasRaced ? LedgerFailure(.raced, "Other transactions were first, again and again.") : nil
    }

    // MARK: Connecting

    private func connected(by deadline: Deadline) throws(LedgerFailure) -> PostgresConnection {
        while true {
            if let connection { return connection }
            if deadline.isPast {
                throw lastFailure ?? LedgerFailure(.unavailable, "PostgreSQL does not answer.")
            }
            // A server that is away is not asked by every call.
            pause(min(nextTry.remaining, deadline.remaining))
            guard nextTry.isPast else { continue }
            do throws(LedgerFailure) {
                connection = try configuration.connect(shard: Int64.random(in: 0..<Self.shards))
                (failures, lastFailure) = (0, nil)
            } catch {
                failures += 1
                lastFailure = error
                let longest = Int64(50 << min(failures, 6))
                nextTry = .after(.milliseconds(Int64.random(in: longest / 2...longest)))
            }
        }
    }

    /// On this worker's own thread, which has nothing else to do.
    private func pause(_ duration: Duration) {
        guard duration > .zero else { return }
        usleep(UInt32(clamping: duration.milliseconds * 1000 + 500))
    }
}
