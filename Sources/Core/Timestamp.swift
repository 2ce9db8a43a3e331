/// A moment in microseconds since 1970, UTC: the form the ledger keeps.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    /// A moment that is too far away for the form becomes its last one; so do sums and differences.
    package init(seconds: Int64) { microseconds = seconds.clampedProduct(1_000_000) }

    package var seconds: Int64 { microseconds / 1_000_000 }

    package static func < (a: Self, b: Self) -> Bool { a.microseconds < b.microseconds }
    package static func + (a: Self, b: Duration) -> Self {
        Self(microseconds: a.microseconds.clampedSum(b.microseconds))
    }
    package static func - (a: Self, b: Duration) -> Self {
        Self(microseconds: a.microseconds.clampedDifference(b.microseconds))
    }
    package static func - (a: Self, b: Self) -> Duration {
        .microseconds(a.microseconds) - .microseconds(b.microseconds)
    }

    /// RFC 3339, UTC, milliseconds: `2026-11-21T10:02:07.123Z`.
    package var description: String {
        let date = CivilDate(daysSince1970: Int(seconds / 86_400))
        let rest = Int(seconds % 86_400)
        let milliseconds = Int(microseconds % 1_000_000) / 1_000
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
            + "T\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2)).\(padded(milliseconds, 3))Z"
    }

    /// RFC 9110 §5.6.7: `Sat, 21 Nov 2026 10:02:07 GMT`.
    package var httpDate: String {
        let days = Int(seconds / 86_400)
        let date = CivilDate(daysSince1970: days)
        let rest = Int(seconds % 86_400)
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7 + 7) % 7]
        let month = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ][date.month - 1]
        return "\(weekday), \(padded(date.day, 2)) \(month) \(padded(date.year, 4)) "
            + "\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2)) GMT"
    }
}

/// Days to a date, by Howard Hinnant's days-to-civil arithmetic: eras of 400 years, years that begin in March.
struct CivilDate {
    let year: Int
    let month: Int
    let day: Int

    init(daysSince1970 days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}

private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Duration {
    package var microseconds: Int64 {
        components.seconds.clampedProduct(1_000_000).clampedSum(components.attoseconds / 1_000_000_000_000)
    }
    package var milliseconds: Int64 { microseconds / 1_000 }
    /// As a number for people and metrics.
    package var inSeconds: Double { Double(microseconds) / 1_000_000 }
}
