import Core
import Synchronization

/// Whether the ledger is away, as delivery notices it: told once when it goes and once when it is back. Safe from any thread.
package final class LedgerAbsence: Sendable {
    package enum Notice: Sendable, Equatable {
        /// Players go on with what is remembered.
        case away(reason: String)
        case back
    }

    /// While it is away it is asked this often, and nobody else waits for it.
    static let pause = Duration.seconds(2)

    private let next = Mutex<Timestamp?>(nil)
    private let told: @Sendable (Notice) -> Void

    package init(told: @escaping @Sendable (Notice) -> Void = { _ in }) { self.told = told }

    /// True while it is no use to ask; once a pause one caller is told otherwise, and finds out.
    func isOn(at now: Timestamp) -> Bool {
        next.withLock { next in
            guard let moment = next else { return false }
            if now < moment { return true }
            next = now + Self.pause
            return false
        }
    }

    func noticed(_ reason: String, at now: Timestamp) {
        let isNew = next.withLock { next in
            defer { next = now + Self.pause }
            return next == nil
        }
        if isNew { told(.away(reason: reason)) }
    }

    func ended() {
        let wasAway = next.withLock { next in
            defer { next = nil }
            return next != nil
        }
        if wasAway { told(.back) }
    }
}
