/// One message between the service and the scanner: a word and named values, as text. Values may hold anything; names may
/// come more than once. A value: it knows nothing of sockets.
///
///     scan
///     size=1048576
///     deadline=120000
package struct WireMessage: Sendable, Equatable {
    /// Longer ones are neither sent nor read.
    package static let limit = 16_384

    package let word: String
    package var values: [(name: String, value: String)]

    package init(_ word: String, _ values: [(name: String, value: String)] = []) {
        self.word = word
        self.values = values
    }

    package subscript(name: String) -> String? { values.first { $0.name == name }?.value }

    package func all(_ name: String) -> [String] { values.filter { $0.name == name }.map(\.value) }

    package func number(_ name: String) -> Int64? { self[name].flatMap { Int64($0) } }

    package static func == (left: WireMessage, right: WireMessage) -> Bool {
        left.word == right.word && left.values.elementsEqual(right.values) { $0 == $1 }
    }

    // MARK: Bytes

    package var bytes: [UInt8] {
        Array(([word] + values.map { $0.name + "=" + Self.escaped($0.value) }).joined(separator: "\n").utf8)
    }

    /// Nil for anything that `bytes` does not make. It may come from a process that hostile bytes have taken over.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.limit, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let word = lines.first, !word.isEmpty, word.utf8.allSatisfy({ (0x61...0x7a).contains($0) }) else {
            return nil
        }
        var values: [(name: String, value: String)] = []
        for line in lines.dropFirst() {
            guard let equals = line.firstIndex(of: "="), equals > line.startIndex,
                let value = Self.unescaped(line[line.index(after: equals)...])
            else { return nil }
            values.append((String(line[..<equals]), value))
        }
        self.init(String(word), values)
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func unescaped(_ value: Substring) -> String? {
        var text = String.UnicodeScalarView()
        var scalars = value.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar == "\\" else {
                text.append(scalar)
                continue
            }
            switch scalars.next() {
            case "\\": text.append("\\")
            case "n": text.append("\n")
            case "r": text.append("\r")
            default: return nil
            }
        }
        return String(text)
    }
}
