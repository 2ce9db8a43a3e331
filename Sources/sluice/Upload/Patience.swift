import Core
import Synchronization

/// Asks again while the trouble may pass: a server that restarts, a network that is away, a queue that is full. Over after
/// five minutes without any success, or after six refusals of the server in a row.
final class Patience: Sendable {
    static let limit = Duration.seconds(300)
    static let refusals = 6

    private let lastSuccess = Mutex(ContinuousClock.now)
    /// Told of each wait, to be shown.
    private let waiting: @Sendable (Duration?) -> Void

    init(waiting: @escaping @Sendable (Duration?) -> Void) { self.waiting = waiting }

    func succeeded() { lastSuccess.withLock { $0 = .now } }

    func ask<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        // The tries are bounded by time below.
        let policy = RetryPolicy.doubling(from: .milliseconds(250), upTo: .seconds(8), tries: .max)
        var (attempt, refused) = (1, 0)
        while true {
            do {
                let answer = try await body()
                succeeded()
                if attempt > 1 { waiting(nil) }
                return answer
            } catch let complaint as Complaint {
                refused += complaint.isAnswer ? 1 : 0
                let since = ContinuousClock.now - lastSuccess.withLock { $0 }
                guard complaint.isPassing, refused < Self.refusals, since < Self.limit,
                    let wait = policy.wait(after: attempt)
                else { throw complaint }
                let pause = complaint.retryAfter.map { min($0, .seconds(60)) } ?? max(wait, .milliseconds(50))
                if attempt > 2 { waiting(pause) }
                attempt += 1
                try await Task.sleep(for: pause)
            }
        }
    }
}
