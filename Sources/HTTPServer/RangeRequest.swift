/// What a Range field asks of a representation of a known size (RFC 9110 §14.2).
package enum RangeRequest: Equatable, Sendable {
    /// No range, one we need not understand, or several: the whole is a right answer to each of them.
    case whole
    case part(Range<Int64>)
    /// 416 with `Content-Range: bytes */size`.
    case unsatisfiable

    package init(_ field: String?, size: Int64) {
        self = field.map { Self.parse($0, size: size) } ?? .whole
    }

    private static func parse(_ field: String, size: Int64) -> RangeRequest {
        let halves = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2, halves[0].lowercased() == "bytes" else { return .whole }
        let ends = halves[1].trimmed.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return .whole }
        switch (ends[0].isEmpty, ends[1].isEmpty) {
        case (true, true):
            return .whole
        case (true, false):
            guard let count = number(ends[1]) else { return .whole }
            return count == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - count)..<size)
        case (false, true):
            guard let first = number(ends[0]) else { return .whole }
            return first < size ? .part(first..<size) : .unsatisfiable
        case (false, false):
            guard let first = number(ends[0]), let last = number(ends[1]), first <= last else { return .whole }
            return first < size ? .part(first..<min(last, size - 1) + 1) : .unsatisfiable
        }
    }

    /// Digits alone; what overflows is past every end.
    private static func number(_ text: Substring) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text) ?? .max
    }
}

extension Substring {
    var trimmed: Substring {
        var text = self
        while text.first == " " || text.first == "\t" { text = text.dropFirst() }
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return text
    }
}
