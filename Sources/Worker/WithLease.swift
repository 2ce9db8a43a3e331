package import Core
package import Ledger
import Synchronization

package struct LeaseLost: Error, Equatable {
    package let job: JobID
    package init(job: JobID) { self.job = job }
}

/// Works `body` under `lease`: renews it every third of its time, and cancels the work the moment it is lost, so that
/// no two workers ever publish the same job. While the ledger cannot be asked, or does not answer, the lease is taken
/// to hold, up to its end.
package func withLease<Value: Sendable>(
    _ lease: Lease, time: any TimeSource, renew: @escaping @Sendable (Lease) async throws -> Bool,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let end = LeaseEnd(lease.expiresAt)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            var wait = lease.duration / 3
            while true {
                try await time.sleep(for: wait)
                let asked = time.now
                do {
                    guard try await renew(lease) else { throw LeaseLost(job: lease.job) }
                    end.move(to: asked + lease.duration)
                    wait = lease.duration / 3
                } catch let failure as LedgerFailure where failure.isPassing && time.now < end.moment {
                    wait = lease.duration / 12
                } catch is LedgerFailure {
                    throw LeaseLost(job: lease.job)
                }
            }
        }
        // The one above may wait for an answer long after the lease is over.
        group.addTask {
            while time.now < end.moment { try await time.sleep(for: end.moment - time.now) }
            throw LeaseLost(job: lease.job)
        }
        defer { group.cancelAll() }
        // Only the body returns a value: the first result is the body's, or an error of either.
        guard let value = try await group.next() ?? nil else { throw LeaseLost(job: lease.job) }
        return value
    }
}

/// When the lease is over unless it is renewed; moved by the one that renews it, read by the one that waits for it.
private final class LeaseEnd: Sendable {
    private let state: Mutex<Timestamp>
    init(_ moment: Timestamp) { state = Mutex(moment) }

    var moment: Timestamp { state.withLock { $0 } }
    func move(to moment: Timestamp) { state.withLock { $0 = moment } }
}
