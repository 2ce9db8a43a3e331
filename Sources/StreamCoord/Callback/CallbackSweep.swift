import Core
import Events
package import Ledger

/// Makes up for `deliver` jobs that died or were cancelled while something was left to tell: nobody else would enqueue them
/// before their track's next event.
package struct CallbackSweep: Sendable {
    private let ledger: any LedgerStore
    /// How many pairs of endpoint and track are looked at in one transaction.
    private let page: Int

    package init(ledger: any LedgerStore, page: Int = 200) {
        self.ledger = ledger
        self.page = page
    }

    package func run() async throws {
        let page = page
        var last: DeliveryTarget?
        while true {
            let after = last
            let found = try await ledger.read("deliver.waiting") { tx in
                try tx.deliveries.waiting(jobs: CoreCallback.kind, after: after, limit: page)
            }
            let stranded = found.filter { !$0.hasJob }.map(\.target)
            if !stranded.isEmpty {
                // Unique while one lives: a job that somebody enqueued meanwhile stays the only one.
                try await ledger.write("deliver.sweep") { tx in
                    for one in stranded {
                        try tx.jobs.enqueue(
                            CoreCallback.job(
                                endpoint: one.endpoint, track: one.track, tenant: one.tenant, requestID: nil))
                    }
                }
            }
            guard found.count == page else { return }
            last = found.last?.target
        }
    }
}
