import Core

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
