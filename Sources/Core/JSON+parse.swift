package struct JSONFailure: Error, Equatable, CustomStringConvertible {
    package let offset: Int
    package let reason: String
    package var description: String { "\(reason) at byte \(offset)" }
}

extension JSON {
    /// Strict RFC 8259: one value and nothing after it, no name twice in an object (two readers could differ), nested at
    /// most `depth` deep, so that a body of a million brackets costs no stack.
    package static func parse(_ bytes: [UInt8], depth: Int = 32) throws(JSONFailure) -> JSON {
        var parser = JSONParser(bytes: bytes, depth: depth)
        return try parser.whole()
    }

    /// The body of a request: as `parse`, and without a NUL in any name or text, because PostgreSQL rejects it.
    package static func parse(request bytes: [UInt8]) throws(JSONFailure) -> JSON {
        var parser = JSONParser(bytes: bytes, depth: 32, refusesNUL: true)
        return try parser.whole()
    }

    package static func parse(_ text: String, depth: Int = 32) throws(JSONFailure) -> JSON {
        try parse(Array(text.utf8), depth: depth)
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    let depth: Int
    let refusesNUL: Bool
    var at = 0

    init(bytes: [UInt8], depth: Int, refusesNUL: Bool = false) {
        self.bytes = bytes
        self.depth = depth
        self.refusesNUL = refusesNUL
    }

    mutating func whole() throws(JSONFailure) -> JSON {
        let value = try value(level: 0)
        skipSpace()
        guard at == bytes.count else { throw failure("more after the value") }
        return value
    }

    private func failure(_ reason: String) -> JSONFailure { JSONFailure(offset: at, reason: reason) }
    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(level: Int) throws(JSONFailure) -> JSON {
        guard level <= depth else { throw failure("nested too deep") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return try object(level: level)
        case UInt8(ascii: "["): return try array(level: level)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw failure("the text ends early")
        case let byte?:
            guard byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else {
                throw failure("no value begins so")
            }
            return try number()
        }
    }

    private mutating func word(_ word: String, _ value: JSON) throws(JSONFailure) -> JSON {
        let end = at + word.utf8.count
        guard end <= bytes.count, bytes[at..<end].elementsEqual(word.utf8) else { throw failure("no value begins so") }
        at = end
        return value
    }

    private mutating func object(level: Int) throws(JSONFailure) -> JSON {
        at += 1
        var members: [(String, JSON)] = []
        var names: Set<String> = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object([]) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw failure("a name was expected") }
            let name = try string()
            guard names.insert(name).inserted else { throw failure("a name stands twice") }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw failure("a colon was expected") }
            members.append((name, try value(level: level + 1)))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            if take(UInt8(ascii: "}")) { return .object(members) }
            throw failure("a comma or brace was expected")
        }
    }

    private mutating func array(level: Int) throws(JSONFailure) -> JSON {
        at += 1
        var items: [JSON] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            items.append(try value(level: level + 1))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            if take(UInt8(ascii: "]")) { return .array(items) }
            throw failure("a comma or bracket was expected")
        }
    }

    private mutating func number() throws(JSONFailure) -> JSON {
        let start = at
        var isWhole = true
        _ = take(UInt8(ascii: "-"))
        let leading = next
        let count = digits()
        guard count > 0 else { throw failure("a digit was expected") }
        guard count == 1 || leading != UInt8(ascii: "0") else { throw failure("a number begins with 0") }
        if take(UInt8(ascii: ".")) {
            isWhole = false
            guard digits() > 0 else { throw failure("a digit was expected") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isWhole = false
            at += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            guard digits() > 0 else { throw failure("a digit was expected") }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw failure("a number is too large") }
        return .number(number)
    }

    private mutating func digits() -> Int {
        let start = at
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        return at - start
    }

    private mutating func string() throws(JSONFailure) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte = next {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw failure("a text is not UTF-8") }
                return string
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw failure("a control byte in a text")
            default: text.append(byte)
            }
        }
        throw failure("a text does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONFailure) {
        guard let byte = next else { throw failure("a text does not end") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text += try unicode()
        default: throw failure("no such escape")
        }
    }

    /// RFC 8259 §7: beyond the basic plane two escapes make one character; half of a pair is no text.
    private mutating func unicode() throws(JSONFailure) -> [UInt8] {
        let first = try fourDigits()
        var code = UInt32(first)
        if (0xD800..<0xDC00).contains(first) {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw failure("half of a surrogate pair") }
            let second = try fourDigits()
            guard (0xDC00..<0xE000).contains(second) else { throw failure("half of a surrogate pair") }
            code = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        }
        if code == 0 && refusesNUL { throw failure("a NUL in a text") }
        guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func fourDigits() throws(JSONFailure) -> UInt16 {
        guard at + 4 <= bytes.count, bytes[at..<at + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt16(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits were expected") }
        at += 4
        return value
    }
}
