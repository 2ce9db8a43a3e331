package import Core
internal import Synchronization

/// Token buckets in memory, one for each key, user, tenant and address: a request takes from all of its own or, where one
/// is empty, from none. Bounded: when too many are in use, those that are fullest are forgotten, which costs nobody much.
package final class RateLimit: Sendable {
    /// Who a bucket belongs to.
    package enum Subject: Hashable, Sendable {
        case key(KeyID)
        case user(TenantID, UserID)
        case tenant(TenantID)
        case network(high: UInt64, low: UInt64)

        /// Of the 16 bytes of an IPv6 address, IPv4 mapped into it. Whoever has one IPv6 address has the 2^64 beside it, so
        /// they share a bucket.
        package static func address(_ bytes: [UInt8]) -> Subject {
            func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
            let (high, low) = (word(bytes.prefix(8)), word(bytes.dropFirst(8).prefix(8)))
            return .network(high: high, low: high == 0 && low >> 32 == 0xFFFF ? low : 0)
        }
    }

    private let rate: Rate
    private let time: any TimeSource
    private let capacity: Int
    /// When each bucket will be full again: all of a bucket's state (the generic cell rate algorithm). One that is full
    /// needs no entry.
    private let fullAt = Mutex<[Subject: Int64]>([:])

    package init(_ rate: Rate, time: any TimeSource, capacity: Int = 65_536) {
        self.rate = rate
        self.time = time
        self.capacity = max(16, capacity)
    }

    /// Takes one token from every subject's bucket; the standing is that of the tightest one.
    package func take(_ subjects: [Subject]) -> Standing {
        let now = time.now.microseconds
        return fullAt.withLock { fullAt in
            // A clock that was set back must not leave buckets empty for longer than they take to fill.
            for subject in subjects where fullAt[subject] ?? now > now + rate.span {
                fullAt[subject] = now + rate.span
            }
            let full = subjects.map { max(fullAt[$0] ?? now, now) + rate.interval }
            let latest = full.max() ?? now
            guard latest <= now + rate.span else {
                return Standing(rate: rate, fullAt: latest - rate.interval, isAllowed: false, now: now)
            }
            for (subject, moment) in zip(subjects, full) { fullAt[subject] = moment }
            if fullAt.count > capacity { Self.shrink(&fullAt, to: capacity / 2, now: now) }
            return Standing(rate: rate, fullAt: latest, isAllowed: true, now: now)
        }
    }

    /// How many buckets are kept now.
    package var count: Int { fullAt.withLock(\.count) }

    /// Halving makes the cost of sorting rare.
    private static func shrink(_ fullAt: inout [Subject: Int64], to count: Int, now: Int64) {
        fullAt = fullAt.filter { $0.value > now }
        guard fullAt.count > count else { return }
        let kept = fullAt.sorted { $0.value > $1.value }.prefix(count)
        fullAt = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }
}

/// So many in a span of time, as settings write it: `600/min`.
package struct Rate: Sendable, Equatable {
    package let count: Int
    /// In microseconds: from empty to full, and what one token takes.
    let span: Int64
    let interval: Int64

    /// Nil for anything but a whole number from 1 and `s`, `min` or `h`.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let units: [Substring: Int64] = ["s": 1, "min": 60, "h": 3600]
        guard parts.count == 2, let unit = units[parts[1]], let count = Int(parts[0]), parts[0].utf8.first != 0x2B,
            (1...1_000_000).contains(count)
        else { return nil }
        self.count = count
        interval = max(1, unit * 1_000_000 / Int64(count))
        span = interval * Int64(count)
    }
}

/// How a caller stands after a request.
package struct Standing: Sendable, Equatable {
    package let isAllowed: Bool
    package let limit: Int
    package let remaining: Int
    /// When the bucket is full again.
    package let reset: Timestamp
    /// Until there is a token again; at least a second where the request was refused.
    package let retryAfter: Duration

    init(rate: Rate, fullAt: Int64, isAllowed: Bool, now: Int64) {
        self.isAllowed = isAllowed
        limit = rate.count
        remaining = isAllowed ? Int((now + rate.span - fullAt) / rate.interval) : 0
        reset = Timestamp(microseconds: fullAt)
        let wait = isAllowed ? 0 : fullAt + rate.interval - rate.span - now
        retryAfter = .seconds((wait + 999_999) / 1_000_000)
    }

    /// For every answer; `X-RateLimit-Reset` is in seconds since 1970, as GitHub and most limiters have it.
    package var fields: [(String, String)] {
        [
            ("X-RateLimit-Limit", "\(limit)"), ("X-RateLimit-Remaining", "\(remaining)"),
            ("X-RateLimit-Reset", "\((reset.microseconds + 999_999) / 1_000_000)"),
        ]
    }

    /// Nil while there is something left.
    package var refusal: Refusal? {
        guard !isAllowed else { return nil }
        let seconds = retryAfter.components.seconds
        return Refusal(
            .rateLimited, "More than \(limit) requests came; the next may come in \(seconds) s.",
            fields: fields + [("Retry-After", "\(seconds)")])
    }
}

extension Principal {
    /// Whose buckets a request of this principal takes from, beside its address's.
    package var rateSubjects: [RateLimit.Subject] {
        let own: RateLimit.Subject = keyID.map { .key($0) } ?? .user(tenant, user)
        return [own, .tenant(tenant)]
    }
}
