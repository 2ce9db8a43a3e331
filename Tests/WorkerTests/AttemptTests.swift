import Core
import Ledger
import Testing
import Worker

@Suite(.timeLimit(.minutes(5))) struct `An attempt that threw` {
    let policy = RetryPolicy.schedule([.seconds(10), .seconds(100)], spread: 0)
    let now = Timestamp(seconds: 1_000)

    private func outcome(_ error: any Error, attempt: Int = 1, of maximumAttempts: Int = 25) -> JobOutcome {
        AttemptEnd.outcome(
            of: error, attempt: attempt, maximumAttempts: maximumAttempts, policy: policy, now: now)
    }

    @Test func `is retried by the policy when it may pass`() {
        #expect(outcome(Passing("a")) == .retry(at: now + .seconds(10), error: "a"))
        #expect(outcome(Passing("a"), attempt: 2) == .retry(at: now + .seconds(100), error: "a"))
        #expect(outcome(LedgerFailure(.full, "b")) == .retry(at: now + .seconds(10), error: "b"))
    }

    @Test func `waits as long as it was asked to, if that is longer`() {
        #expect(outcome(Passing("a", wait: .seconds(60))) == .retry(at: now + .seconds(60), error: "a"))
        #expect(outcome(Passing("a", wait: .seconds(1))) == .retry(at: now + .seconds(10), error: "a"))
    }

    @Test func `is over at once when it cannot pass, and at the last try when it can`() {
        struct Broken: Error {}
        #expect(outcome(Broken()) == .dead(error: "Broken()"))
        #expect(outcome(LedgerFailure(.corrupt, "c")) == .dead(error: "c"))
        #expect(outcome(Passing("a"), attempt: 3) == .dead(error: "a"))
    }

    @Test func `is over at its job's own last attempt, if that comes before the policy's`() {
        #expect(outcome(Passing("a"), attempt: 1, of: 2) == .retry(at: now + .seconds(10), error: "a"))
        #expect(outcome(Passing("a"), attempt: 2, of: 2) == .dead(error: "a"))
    }

    @Test func `is one of as many as its job says, unless a policy of its own says less`() {
        let pool = WorkerPool.Configuration(node: NodeID(checked: "node_1"), boot: "b", limits: [:])
        let job = NewJob(kind: "k", queue: .finish, tenant: TenantID(checked: "a"))
        #expect(pool.policy.tries == job.maximumAttempts)
    }
}
