/// How long to wait before the next try. Either doubling with full jitter up to a cap, or a written schedule ± a share.
package struct RetryPolicy: Sendable {
    private enum Waits: Sendable {
        case doubling(base: Duration, cap: Duration)
        case schedule([Duration], spread: Double)
    }

    private let waits: Waits
    /// After this many tries it is over.
    package let tries: Int

    package static func doubling(from base: Duration, upTo cap: Duration, tries: Int) -> Self {
        Self(waits: .doubling(base: base, cap: cap), tries: tries)
    }

    /// One wait before each further try: `n` waits make `n + 1` tries.
    package static func schedule(_ waits: [Duration], spread: Double) -> Self {
        Self(waits: .schedule(waits, spread: spread), tries: waits.count + 1)
    }

    /// Nil when `attempt` (from 1) was the last; what is less counts as the first. `random` is in 0..<1.
    package func wait(after attempt: Int, random: Double = Double.random(in: 0..<1)) -> Duration? {
        let attempt = max(1, attempt)
        guard attempt < tries else { return nil }
        switch waits {
        case .doubling(let base, let cap):
            let ceiling = min(base.inSeconds * Double(1 << min(attempt - 1, 30)), cap.inSeconds)
            return .microseconds(Int64(ceiling * random * 1_000_000))
        case .schedule(let waits, let spread):
            let factor = 1 + spread * (2 * random - 1)
            return .microseconds(Int64(waits[attempt - 1].inSeconds * factor * 1_000_000))
        }
    }
}
