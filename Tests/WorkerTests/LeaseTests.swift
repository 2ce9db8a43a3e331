import Core
import Ledger
import Synchronization
import TestSupport
import Testing
import Worker

@Suite struct `A lease` {
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
        let asked = Mutex(0)
        async let moved: Void = {
            await time.sleeper(for: .seconds(10))
            time.advance(by: .seconds(10))
            for _ in 0..<8 {
                await time.sleeper(for: .milliseconds(2500))
                time.advance(by: .milliseconds(2500))
            }
        }()
        await #expect(throws: LeaseLost.self) {
            try await withLease(lease, time: time) { _ in
                asked.withLock { $0 += 1 }
                throw LedgerFailure(.unavailable, "away")
            } _: {
                await time.untilCancelled()
            }
        }
        await moved
        let askedSeen = asked.withLock({ $0 })
        #expect(askedSeen == 9)
    }
}

extension ManualTime {
    /// For work that only ends by cancellation.
    func untilCancelled() async {
        // Cancellation is what is waited for.
        try? await sleep(for: .seconds(1_000_000))
    }
}
