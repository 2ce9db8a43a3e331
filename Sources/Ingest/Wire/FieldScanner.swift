/// Reads a field value from left to right, scalar by scalar: a quote with a combining mark after it is still a quote.
struct FieldScanner {
    private let text: [Unicode.Scalar]
    private var position = 0

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    var isAtEnd: Bool { position == text.count }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard position < text.count, text[position] == character else { return false }
        position += 1
        return true
    }

    mutating func skipSpace() {
        while position < text.count, text[position] == " " || text[position] == "\t" { position += 1 }
    }

    /// What stands before `end` (or the end of all), without the space around it.
    mutating func upTo(_ end: Unicode.Scalar) -> String? {
        skipSpace()
        let start = position
        while position < text.count, text[position] != end { position += 1 }
        var last = position
        while last > start, text[last - 1] == " " || text[last - 1] == "\t" { last -= 1 }
        return string(start..<last)
    }

    /// RFC 9110 §5.6.2, plus what stands in real file names without quotes is refused: a space ends it.
    mutating func token() -> String? {
        let start = position
        while position < text.count, Self.isTokenCharacter(text[position]) { position += 1 }
        return position > start ? string(start..<position) : nil
    }

    /// RFC 9110 §5.6.4. In file names of browsers a quote comes as `%22`; a backslash escapes the next character only
    /// where that is a quote or a backslash, since Windows paths are sent unescaped.
    mutating func tokenOrQuoted() -> String? {
        guard skip("\"") else { return token() }
        var content = String.UnicodeScalarView()
        while position < text.count {
            let character = text[position]
            position += 1
            if character == "\"" { return String(content) }
            if character == "\\", position < text.count, text[position] == "\"" || text[position] == "\\" {
                content.append(text[position])
                position += 1
            } else {
                content.append(character)
            }
        }
        return nil
    }

    static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy(isTokenCharacter)
    }

    private static func isTokenCharacter(_ character: Unicode.Scalar) -> Bool {
        switch character {
        case "0"..."9", "A"..."Z", "a"..."z": true
        default: "!#$%&'*+-.^_`|~".unicodeScalars.contains(character)
        }
    }

    private func string(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text[range])
        return String(view)
    }
}
