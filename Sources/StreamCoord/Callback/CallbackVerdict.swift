package import Core

/// What an endpoint's answer means for the event that was sent.
package enum CallbackVerdict: Sendable, Equatable {
    case accepted
    /// It will not take this event; `disables` ends the endpoint too (a tenant's webhook that says 410).
    case refused(disables: Bool)
    /// To be sent again, no sooner than the endpoint asked for.
    case again(after: Duration?)

    package enum Receiver: Sendable { case core, webhook }

    /// No redirect is followed: an address that moved is for its owner to tell us.
    package static func of(status: Int, retryAfter: String?, from receiver: Receiver, at now: Timestamp) -> Self {
        switch (status, receiver) {
        case (200..<300, _): .accepted
        case (410, .webhook): .refused(disables: true)
        case (408, _), (425, _), (429, _), (500..., _): .again(after: retryAfter.flatMap { wait($0, at: now) })
        // A core API in the middle of a deploy: nothing may be lost by it.
        case (401, .core), (403, .core), (404, .core): .again(after: retryAfter.flatMap { wait($0, at: now) })
        default: .refused(disables: false)
        }
    }

    /// RFC 9110 §10.2.3: seconds, or a date. Never longer than the schedule's longest wait.
    static func wait(_ field: String, at now: Timestamp) -> Duration? {
        let longest = Duration.seconds(86_400)
        if let seconds = Int64(field) { return seconds < 0 ? nil : min(.seconds(min(seconds, 86_400)), longest) }
        guard let date = Dates.http(field) else { return nil }
        return min(max(date - now, .zero), longest)
    }

    /// 1 s, 5 s, 30 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, each ± 20 %; then it is dead.
    package static let schedule = RetryPolicy.schedule(
        [1, 5, 30, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map { .seconds($0) }, spread: 0.2)

    package static var mostAttempts: Int { schedule.tries }

    /// Nil when that was the last try.
    package static func nextTry(
        after attempts: Int, asked: Duration?, at now: Timestamp, random: Double = Double.random(in: 0..<1)
    ) -> Timestamp? {
        schedule.wait(after: attempts, random: random).map { now + max($0, asked ?? .zero) }
    }
}
