/// The two forms of a moment that others send us.
package enum Dates {
    /// The one form that RFC 9110 §5.6.7 lets anyone send: `Sun, 06 Nov 1994 08:49:37 GMT`.
    package static func http(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", let day = digits(parts[1], 2), let year = digits(parts[3], 4),
            let month = months.firstIndex(of: String(parts[2]))
        else { return nil }
        return moment(year, month + 1, day, clock: parts[4], offset: 0)
    }

    /// RFC 3339: `2026-11-21T10:02:07.5Z`, or with an offset.
    package static func rfc3339(_ text: String) -> Timestamp? {
        let halves = text.uppercased().split(separator: "T", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let date = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard date.count == 3, let year = digits(date[0], 4), let month = digits(date[1], 2),
            let day = digits(date[2], 2)
        else { return nil }
        guard let end = halves[1].firstIndex(where: { "Z+-".contains($0) }) else { return nil }
        let clock = halves[1][..<end].split(separator: ".", omittingEmptySubsequences: false)
        guard clock.count <= 2, let whole = clock.first, let offset = offset(halves[1][end...]),
            let moment = moment(year, month, day, clock: whole, offset: offset)
        else { return nil }
        guard clock.count == 2 else { return moment }
        guard (1...9).contains(clock[1].count), digits(clock[1], clock[1].count) != nil,
            let microseconds = digits((clock[1] + "00000").prefix(6), 6)
        else { return nil }
        return moment + .microseconds(microseconds)
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// From 1970 to 9999 in UTC. Nil for what no calendar or clock shows.
    private static func moment(_ year: Int, _ month: Int, _ day: Int, clock: Substring, offset: Int) -> Timestamp? {
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false).map { digits($0, 2) ?? -1 }
        guard (1...12).contains(month), day >= 1, parts.count == 3, (0...23).contains(parts[0]),
            (0...59).contains(parts[1]), (0...60).contains(parts[2])
        else { return nil }
        let days = days(year, month, day)
        // A day past its month's end is a day of the next month.
        guard CivilDate(daysSince1970: days).month == month else { return nil }
        let seconds = days * 86_400 + parts[0] * 3600 + parts[1] * 60 + parts[2] - offset
        guard (0..<endOfTime).contains(seconds) else { return nil }
        // RFC 3339 §5.7: a leap second is the last one of a day in UTC.
        if parts[2] == 60, seconds % 86_400 != 0 { return nil }
        return Timestamp(seconds: Int64(seconds))
    }

    /// The first second of the year 10000.
    private static let endOfTime = days(10_000, 1, 1) * 86_400

    private static func offset(_ text: Substring) -> Int? {
        if text == "Z" { return 0 }
        let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false).map { digits($0, 2) ?? -1 }
        guard parts.count == 2, (0...23).contains(parts[0]), (0...59).contains(parts[1]) else { return nil }
        return (parts[0] * 3600 + parts[1] * 60) * (text.hasPrefix("-") ? -1 : 1)
    }

    /// Exactly `count` digits.
    private static func digits(_ text: some StringProtocol, _ count: Int) -> Int? {
        text.utf8.count == count && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }

    /// Days since 1970, by years that begin in March.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
