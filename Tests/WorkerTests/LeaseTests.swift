import Core
import Ledger
import Synchronization
import TestSupport
import Testing
import Worker

@Suite(.timeLimit(.minutes(5))) struct `A lease` {
    let time = ManualTime()
    var lease: Lease {
        Lease(job: JobID(checked: "job_1"), token: 7, duration: .seconds(30), expiresAt: time.now + .seconds(30))
    }

    @Test func `hands back what the work returns`() async throws {
        let value = try await withLease(lease, time: time) { _ in
            true
        } _: {
            42
        }
        #expect(value == 42)
    }

    @Test func `cancels the work when it is lost`() async throws {
        let (time, lease) = (time, lease)
        let cancelled = Mutex(false)
        async let moved: Void = {
            await time.sleeper(for: .seconds(10))
            time.advance(by: .seconds(10))
        }()
        await #expect(throws: LeaseLost.self) {
            try await withLease(lease, time: time) { _ in
                false
            } _: {
                await time.untilCancelled()
                cancelled.withLock { $0 = true }
            }
        }
        await moved
        let cancelledSeen = cancelled.withLock({ $0 })
        #expect(cancelledSeen)
    }

    @Test func `holds while the ledger cannot be asked, up to its end`() async throws {
        let (time, lease) = (time, lease)
        let asked = Tally()
        async let moved: Void = {
            await time.sleeper(for: .seconds(10))
            time.advance(by: .seconds(10))
            for count in 1...7 {
                await asked.wait(for: count)
                await time.sleeper(for: .milliseconds(2500))
                time.advance(by: .milliseconds(2500))
            }
            await asked.wait(for: 8)
            time.advance(by: .milliseconds(2500))
        }()
        await #expect(throws: LeaseLost.self) {
            try await withLease(lease, time: time) { _ in
                asked.add()
                throw LedgerFailure(.unavailable, "away")
            } _: {
                await time.untilCancelled()
            }
        }
        await moved
        // At its end it may be asked for once more.
        #expect((8...9).contains(asked.count))
    }

    @Test func `cancels the work at its end, though the ledger has not answered yet`() async throws {
        let (time, lease) = (time, lease)
        let (asked, cancelled) = (Tally(), Tally())
        async let moved: Void = {
            await time.sleeper(for: .seconds(10))
            time.advance(by: .seconds(10))
            await asked.wait(for: 1)
            await time.sleeper(for: .seconds(20))
            time.advance(by: .seconds(20))
        }()
        await #expect(throws: LeaseLost.self) {
            try await withLease(lease, time: time) { _ in
                asked.add()
                // Answers only once the work was ended.
                await cancelled.wait(for: 1)
                return true
            } _: {
                await time.untilCancelled()
                cancelled.add()
            }
        }
        await moved
    }

    @Test func `goes on past its first end while it is renewed`() async throws {
        let (time, lease) = (time, lease)
        let renewed = Tally()
        let over = Tally()
        async let moved: Void = {
            for count in 0..<6 {
                await renewed.wait(for: count)
                await time.sleeper(for: .seconds(10))
                time.advance(by: .seconds(10))
            }
            await renewed.wait(for: 6)
            over.add()
        }()
        let value = try await withLease(lease, time: time) { _ in
            renewed.add()
            return true
        } _: {
            await over.wait(for: 1)
            return Task.isCancelled ? 0 : 42
        }
        await moved
        #expect(value == 42)
    }
}

extension ManualTime {
    /// For work that only ends by cancellation.
    func untilCancelled() async {
        // Cancellation is what is waited for.
        try? await sleep(for: .seconds(1_000_000))
    }
}
