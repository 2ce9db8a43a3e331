package import Core
package import Ledger

/// Whether an endpoint is spared for now. Opens at five failures in a row; after 30 s one probe goes out, then after twice
/// as long, up to ten minutes; any answer closes it. Pure: whoever drives it keeps the row in the ledger.
///
///     closed ─5 failures─▶ open ─probe time─▶ half open ─answer─▶ closed
///                           ▲─────────failure──────┘
package struct Circuit: Sendable, Equatable {
    package enum Permission: Sendable, Equatable {
        case go
        case wait(until: Timestamp)
    }

    package static let failuresToOpen = 5
    package static let firstWait = Duration.seconds(30)
    package static let longestWait = Duration.seconds(600)
    /// A probe whose prober died counts as never sent after this.
    package static let probeTime = Duration.seconds(60)

    package private(set) var row: CircuitRow

    package init(_ row: CircuitRow) { self.row = row }

    /// Asks to send now. In the half-open state one asker gets through, the others wait for its answer.
    package mutating func ask(at now: Timestamp) -> Permission {
        if row.state == .closed { return .go }
        if let probeAt = row.probeAt, now < probeAt { return .wait(until: probeAt) }
        row.state = .halfOpen
        row.probeAt = now + Self.probeTime
        return .go
    }

    /// The endpoint is alive, whatever it thinks of this event.
    package mutating func answered() {
        row = CircuitRow(endpoint: row.endpoint)
    }

    package mutating func failed(at now: Timestamp) {
        row.failures += 1
        switch row.state {
        case .closed:
            guard row.failures >= Self.failuresToOpen else { return }
            open(for: Self.firstWait, at: now)
        case .halfOpen:
            open(for: min(row.wait * 2, Self.longestWait), at: now)
        case .open:
            // A call that began before it opened.
            break
        }
    }

    private mutating func open(for wait: Duration, at now: Timestamp) {
        row.state = .open
        row.wait = wait
        row.probeAt = now + wait
    }
}
