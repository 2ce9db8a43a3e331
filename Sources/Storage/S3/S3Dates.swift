internal import Core

/// The forms of time that stores speak.
enum S3Dates {
    /// `20261121T100207Z`.
    static func compact(_ moment: Timestamp) -> String {
        String(moment.description.prefix(19).filter { $0 != "-" && $0 != ":" }) + "Z"
    }

    /// RFC 9110 §5.6.7, the form servers send: `Sat, 21 Nov 2026 10:02:07 GMT`.
    static func http(_ text: String) -> Timestamp? {
        let parts = text.split(whereSeparator: { $0 == " " || $0 == ":" || $0 == "," })
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 8, parts[7] == "GMT", let month = months.firstIndex(of: String(parts[2])) else {
            return nil
        }
        let numbers = [parts[3], parts[1], parts[4], parts[5], parts[6]].compactMap { Int($0) }
        guard numbers.count == 5 else { return nil }
        return moment(numbers[0], month + 1, numbers[1], numbers[2], numbers[3], numbers[4])
    }

    /// `2026-11-21T10:02:07Z`, with or without a fraction or an offset of nothing.
    static func iso(_ text: String) -> Timestamp? {
        let numbers = text.prefix(19).split(whereSeparator: { "-:T".contains($0) }).compactMap { Int($0) }
        guard numbers.count == 6, text.hasSuffix("Z") || text.hasSuffix("+00:00") else { return nil }
        return moment(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5])
    }

    private static func moment(_ year: Int, _ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ second: Int)
        -> Timestamp?
    {
        guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day), (0..<24).contains(hour),
            (0..<60).contains(minute), (0...60).contains(second)
        else { return nil }
        // Howard Hinnant's civil-to-days arithmetic: years that begin in March.
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return Timestamp(seconds: Int64(days * 86_400 + hour * 3600 + minute * 60 + second))
    }
}
