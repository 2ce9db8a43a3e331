package import Core
package import Ledger

package struct LeaseLost: Error, Equatable {
    package let job: JobID
    package init(job: JobID) { self.job = job }
}

/// Works `body` under `lease`: renews it every third of its time, and cancels the work the moment it is lost, so that no
/// two workers ever publish the same job. While the ledger cannot be asked the lease is taken to hold, up to its end.
package func withLease<Value: Sendable>(
    _ lease: Lease, time: any TimeSource, renew: @escaping @Sendable (Lease) async throws -> Bool,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            var expiresAt = lease.expiresAt
            var wait = lease.duration / 3
            while true {
                try await time.sleep(for: wait)
                let asked = time.now
                do {
                    guard try await renew(lease) else { throw LeaseLost(job: lease.job) }
                    expiresAt = asked + lease.duration
                    wait = lease.duration / 3
                } catch let failure as LedgerFailure where failure.isPassing && time.now < expiresAt {
                    wait = lease.duration / 12
                } catch is LedgerFailure {
                    throw LeaseLost(job: lease.job)
                }
            }
        }
        defer { group.cancelAll() }
        // The renewing task never returns a value: the first result is the body's, or an error of either.
        guard let value = try await group.next() ?? nil else { throw LeaseLost(job: lease.job) }
        return value
    }
}
