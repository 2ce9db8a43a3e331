package import Core

/// `minute hour day month weekday`, in UTC, with `*`, lists, ranges and steps: `30 3 * * *`, `*/15 8-18 * * 1-5`. As in cron,
/// where both day and weekday are restricted, one of them is enough. Pure.
package struct CronExpression: Sendable, Equatable, CustomStringConvertible {
    package let description: String
    private let minutes: Set<Int>
    private let hours: Set<Int>
    private let days: Set<Int>
    private let months: Set<Int>
    private let weekdays: Set<Int>
    private let anyDay: Bool
    private let anyWeekday: Bool

    /// Nil for what is not one, and for one that never comes (30 February).
    package init?(_ text: String) {
        let parts = text.split(separator: " ").map(String.init)
        guard parts.count == 5, let minutes = Self.field(parts[0], 0...59), let hours = Self.field(parts[1], 0...23),
            let days = Self.field(parts[2], 1...31), let months = Self.field(parts[3], 1...12),
            let weekdays = Self.field(parts[4], 0...7)
        else { return nil }
        description = parts.joined(separator: " ")
        (self.minutes, self.hours, self.days, self.months) = (minutes, hours, days, months)
        // 0 and 7 are both Sunday.
        self.weekdays = Set(weekdays.map { $0 % 7 })
        (anyDay, anyWeekday) = (parts[2].hasPrefix("*"), parts[4].hasPrefix("*"))
        guard next(after: Timestamp(seconds: 0)) != nil else { return nil }
    }

    /// The first moment after this one that it names, to the minute.
    package func next(after moment: Timestamp) -> Timestamp? {
        let first = moment.seconds / 60 + 1
        var (day, minute) = (first / 1440, Int(first % 1440))
        // Every date of the calendar comes again within 400 years; within 12, every leap day does.
        for _ in 0..<(12 * 366) {
            if names(day: Int(day)), let found = firstMinute(from: minute) {
                return Timestamp(seconds: day * 86_400 + Int64(found) * 60)
            }
            (day, minute) = (day + 1, 0)
        }
        return nil
    }

    private func names(day: Int) -> Bool {
        let (month, dayOfMonth) = CalendarDay.of(daysSince1970: day)
        guard months.contains(month) else { return false }
        // 1 January 1970 was a Thursday.
        let (isDay, isWeekday) = (days.contains(dayOfMonth), weekdays.contains((day + 4) % 7))
        if anyDay || anyWeekday { return isDay && isWeekday }
        return isDay || isWeekday
    }

    private func firstMinute(from minute: Int) -> Int? {
        (minute..<1440).first { hours.contains($0 / 60) && minutes.contains($0 % 60) }
    }

    private static func field(_ text: String, _ range: ClosedRange<Int>) -> Set<Int>? {
        var found: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(halves.count), let span = span(halves[0], range, isOpen: halves.count == 2),
                let step = halves.count == 2 ? number(halves[1]) : 1, step > 0
            else { return nil }
            found.formUnion(stride(from: span.lowerBound, through: span.upperBound, by: step))
        }
        return found
    }

    private static func span(_ text: Substring, _ range: ClosedRange<Int>, isOpen: Bool) -> ClosedRange<Int>? {
        if text == "*" { return range }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { number($0) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends.count == 2 ? ends[1] : first,
            range.contains(first), range.contains(last), first <= last
        else { return nil }
        return first...(isOpen && ends.count == 1 ? range.upperBound : last)
    }

    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}

/// Month and day of a day, taken from the form the ledger's times are written in.
private enum CalendarDay {
    static func of(daysSince1970 day: Int) -> (month: Int, day: Int) {
        let parts = Timestamp(seconds: Int64(day) * 86_400).description.prefix(10).split(separator: "-")
        return (Int(parts[1]) ?? 1, Int(parts[2]) ?? 1)
    }
}
