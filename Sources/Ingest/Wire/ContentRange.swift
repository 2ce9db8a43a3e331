/// `Content-Range` of a request (RFC 9110 §14.4), in the forms that resumable PUT clients send: `bytes a-b/n`,
/// `bytes a-b/*` and the question `bytes */n`.
package enum ContentRange: Equatable, Sendable {
    case part(Range<Int64>, total: Int64?)
    case question(total: Int64?)

    /// Nil for anything that two readers could take for different ranges.
    package init?(_ text: String) {
        guard text.hasPrefix("bytes ") else { return nil }
        let sides = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard sides.count == 2 else { return nil }
        let total: Int64?
        if sides[1] == "*" {
            total = nil
        } else {
            guard let number = wholeNumber(sides[1]) else { return nil }
            total = number
        }
        if sides[0] == "*" {
            self = .question(total: total)
            return
        }
        let ends = sides[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = wholeNumber(ends[0]), let last = wholeNumber(ends[1]), first <= last,
            last < total ?? .max
        else { return nil }
        self = .part(first..<last + 1, total: total)
    }
}

/// Digits alone: no sign, no space, at most 18 of them, so that sums cannot overflow.
package func wholeNumber(_ text: some StringProtocol) -> Int64? {
    guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int64(text)
}
