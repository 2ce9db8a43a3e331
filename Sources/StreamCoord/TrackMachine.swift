package import Core

/// What may become of a track; decides alone, and whoever drives it writes the row.
///
///     processing ─published─▶ ready ─held─▶ quarantined ─deleted─▶ deleted
///         │  ▲                  │                 ▲
///         │  └─begun again──┐   └── deleted ──▶ deleted (for good)
///         ├─failed────────▶ failed
///         └─held────────────────────────────────┘
///
/// A track is `ready` while a live generation stands: a newer run that fails leaves it so. Only a verdict takes it away.
package struct TrackMachine: Sendable, Equatable {
    package enum Event: Sendable, Hashable, CaseIterable {
        /// Another upload or profile is under way.
        case begun
        case published
        case failed
        /// Not proven clean.
        case held
        case deleted
    }

    package private(set) var state: TrackState
    package private(set) var hasLive: Bool

    package init(state: TrackState, hasLive: Bool) {
        self.state = state
        self.hasLive = hasLive
    }

    /// False when nothing of it may become true: the track is as it was.
    @discardableResult
    package mutating func apply(_ event: Event) -> Bool {
        switch (event, state) {
        case (_, .deleted):
            return false
        case (.deleted, _):
            (state, hasLive) = (.deleted, false)
        case (.held, _):
            (state, hasLive) = (.quarantined, false)
        case (.published, .quarantined):
            // Only a release by a person, which begins a new run, brings it back.
            return false
        case (.published, _):
            (state, hasLive) = (.ready, true)
        case (.failed, .processing), (.failed, .ready):
            state = hasLive ? .ready : .failed
        case (.failed, _):
            return false
        case (.begun, _):
            state = hasLive ? .ready : .processing
        }
        return true
    }
}
