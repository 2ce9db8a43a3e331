/// Puts a response's head together from the lines libcurl hands over, one by one. Interim answers are forgotten, and
/// trailers come too late to count.
struct HeadReader {
    private(set) var status = 0
    private(set) var fields = ClientFields()
    private(set) var isComplete = false
    private var size = 0

    /// Many times what honest servers send.
    static let sizeLimit = 65_536

    /// False when the head is longer than anyone needs.
    mutating func take(_ line: UnsafeRawBufferPointer) -> Bool {
        guard !isComplete else { return true }
        size += line.count
        guard size <= Self.sizeLimit else { return false }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("HTTP/") {
            let parts = text.split(separator: " ", maxSplits: 2)
            status = parts.count > 1 ? Int(parts[1].prefix(3)) ?? 0 : 0
            fields = ClientFields()
        } else if let colon = text.firstIndex(of: ":") {
            fields.append(Self.trimmed(text[..<colon]), Self.trimmed(text[text.index(after: colon)...]))
        } else if line.allSatisfy({ $0 == 0x0D || $0 == 0x0A }) {
            isComplete = status >= 200 || status == 101
        }
        return true
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
