internal import Glibc

/// A moment of the monotonic clock that something must not outlast. It neither jumps nor stands when the wall clock is set.
package struct Deadline: Comparable, Sendable {
    /// Since the machine started; `Int64.max` never comes.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let never = Deadline(nanoseconds: .max)

    package static var now: Deadline {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Deadline(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package static func after(_ duration: Duration) -> Deadline { now + duration }

    package static func < (left: Deadline, right: Deadline) -> Bool { left.nanoseconds < right.nanoseconds }

    package static func + (deadline: Deadline, duration: Duration) -> Deadline {
        let (seconds, attoseconds) = duration.components
        let (whole, tooMany) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, tooFar) = deadline.nanoseconds.addingReportingOverflow(whole &+ attoseconds / 1_000_000_000)
        guard !tooMany, !tooFar else { return duration < .zero ? Deadline(nanoseconds: .min) : .never }
        return Deadline(nanoseconds: sum)
    }

    package static func - (left: Deadline, right: Deadline) -> Duration {
        .nanoseconds(left.nanoseconds) - .nanoseconds(right.nanoseconds)
    }

    package var isPast: Bool { self <= Deadline.now }

    /// Never less than zero.
    package var remaining: Duration { max(.zero, self - .now) }

    /// For poll and its like: rounded up, so that nobody spins through the last millisecond; -1 waits for ever.
    var milliseconds: Int32 {
        guard self != .never else { return -1 }
        let rest = max(0, nanoseconds.subtractingReportingOverflow(Deadline.now.nanoseconds).partialValue)
        return Int32(clamping: rest / 1_000_000 + (rest % 1_000_000 == 0 ? 0 : 1))
    }
}
