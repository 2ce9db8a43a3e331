/// `method SP target SP HTTP/1.x CRLF` (RFC 9112 §3), with exactly one space between.
enum RequestLine {
    private static let longestMethod = 32

    /// Returns where the fields begin.
    static func parse(_ bytes: Span<UInt8>, from start: Int, into head: inout ParsedHead) throws(HeadRefusal) -> Int {
        var at = start
        while isTokenByte(bytes[at]) { at += 1 }
        guard at > start, at - start <= longestMethod, bytes[at] == 0x20 else {
            throw .badRequest("a malformed method")
        }
        head.methodText = start..<at
        head.method = known(bytes, start, at)
        let target = at + 1
        at = target
        while bytes[at] > 0x20 && bytes[at] < 0x7F { at += 1 }
        guard at > target, bytes[at] == 0x20 else { throw .badRequest("a malformed target") }
        // First, so that a client of HTTP/2 learns that its version is the reason.
        let next = try version(bytes, at + 1, into: &head)
        try split(bytes, target..<at, into: &head)
        return next
    }

    /// Why the bytes of a head that is not here as a whole cannot begin one. Nil when they can.
    static func refusal(ofBegun bytes: Span<UInt8>, from start: Int) -> HeadRefusal? {
        // Half of the empty line that is forgiven.
        if bytes.count == 1, bytes[0] == cr { return nil }
        for index in start..<bytes.count where bytes[index] == lf {
            do throws(HeadRefusal) {
                var head = ParsedHead()
                _ = try parse(bytes, from: start, into: &head)
                return nil
            } catch {
                return error
            }
        }
        return refusal(ofPart: bytes, from: start)
    }

    /// A line without its end. The target's form is judged with the whole line.
    private static func refusal(ofPart bytes: Span<UInt8>, from start: Int) -> HeadRefusal? {
        let end = bytes.count
        var at = start
        while at < end, isTokenByte(bytes[at]) { at += 1 }
        if at - start > longestMethod { return .badRequest("a malformed method") }
        guard at < end else { return nil }
        guard at > start, bytes[at] == 0x20 else { return .badRequest("a malformed method") }
        let target = at + 1
        at = target
        while at < end, bytes[at] > 0x20 && bytes[at] < 0x7F { at += 1 }
        guard at < end else { return nil }
        guard at > target, bytes[at] == 0x20 else { return .badRequest("a malformed target") }
        let version = at + 1
        for offset in 0..<end - version where !isVersionByte(bytes[version + offset], offset) {
            return .badRequest("a malformed version")
        }
        return nil
    }

    /// `HTTP/1.1` and its CR.
    private static func isVersionByte(_ byte: UInt8, _ offset: Int) -> Bool {
        let form: StaticString = "HTTP/1.1\r"
        switch offset {
        case 5, 7: return isDigit(byte)
        case 0..<form.utf8CodeUnitCount: return byte == form.utf8Start[offset]
        default: return false
        }
    }

    private static func known(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> ParsedHead.KnownMethod {
        if end - start == 3, same(bytes, start, "GET") { return .get }
        if end - start == 4, same(bytes, start, "HEAD") { return .head }
        return .other
    }

    private static func same(_ bytes: Span<UInt8>, _ at: Int, _ text: StaticString) -> Bool {
        guard at + text.utf8CodeUnitCount <= bytes.count else { return false }
        for offset in 0..<text.utf8CodeUnitCount where bytes[at + offset] != text.utf8Start[offset] { return false }
        return true
    }

    private static func version(_ bytes: Span<UInt8>, _ at: Int, into head: inout ParsedHead) throws(HeadRefusal) -> Int
    {
        guard same(bytes, at, "HTTP/"), at + 10 <= bytes.count, isDigit(bytes[at + 5]),
            bytes[at + 6] == UInt8(ascii: "."),
            isDigit(bytes[at + 7]), bytes[at + 8] == cr, bytes[at + 9] == lf
        else { throw .badRequest("a malformed version") }
        guard bytes[at + 5] == UInt8(ascii: "1") else {
            throw HeadRefusal(status: 505, why: "only HTTP/1 is spoken here")
        }
        head.isModern = bytes[at + 7] != UInt8(ascii: "0")
        return at + 10
    }

    /// Origin form, absolute form, or `*`; the authority form belongs to CONNECT, which no origin server answers.
    private static func split(_ bytes: Span<UInt8>, _ target: Range<Int>, into head: inout ParsedHead)
        throws(HeadRefusal)
    {
        var at = target.lowerBound
        if bytes[at] != UInt8(ascii: "/") {
            if target.count == 1, bytes[at] == UInt8(ascii: "*"), same(bytes, head.methodText.lowerBound, "OPTIONS ") {
                head.path = target
                return
            }
            let scheme = same(bytes, at, "http://") ? 7 : same(bytes, at, "https://") ? 8 : 0
            guard scheme > 0 else { throw .badRequest("a malformed target") }
            let start = at + scheme
            at = start
            while at < target.upperBound, isHostByte(bytes[at]) { at += 1 }
            guard at > start, at < target.upperBound, bytes[at] == UInt8(ascii: "/") else {
                throw .badRequest("a malformed target")
            }
            head.authority = start..<at
        }
        let start = at
        at = try walkPath(bytes, at, target.upperBound)
        head.path = start..<at
        if at < target.upperBound {
            head.hasQuery = true
            head.query = at + 1..<target.upperBound
            try walkQuery(bytes, head.query)
        }
    }

    /// To the `?` or the end. Nearly every byte is a plain one, so that test comes first and decides alone.
    private static func walkPath(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(HeadRefusal) -> Int {
        var at = start
        while at < end {
            let byte = bytes[at]
            if isPlainTargetByte(byte) {
                at += 1
            } else if byte == UInt8(ascii: "/") {
                at += 1
                try refuseDots(bytes, at, end)
            } else if byte == UInt8(ascii: "?") {
                return at
            } else if byte == UInt8(ascii: "%") {
                guard let code = escape(bytes, at, end), isFieldByte(code) else {
                    throw .badRequest("a malformed escape in the target")
                }
                at += 3
            } else {
                throw .badRequest("a target that must be percent-encoded")
            }
        }
        return at
    }

    private static func walkQuery(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(HeadRefusal) {
        var at = range.lowerBound
        while at < range.upperBound {
            let byte = bytes[at]
            if isPlainTargetByte(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") {
                at += 1
            } else if byte == UInt8(ascii: "%"), let code = escape(bytes, at, range.upperBound) {
                // PostgreSQL holds no NUL in a text, and no parameter needs one.
                guard code != 0 else { throw .badRequest("a NUL in the query") }
                at += 3
            } else {
                throw .badRequest("a target that must be percent-encoded")
            }
        }
    }

    private static func escape(_ bytes: Span<UInt8>, _ at: Int, _ end: Int) -> UInt8? {
        guard at + 2 < end, let high = hexValue(bytes[at + 1]), let low = hexValue(bytes[at + 2]) else { return nil }
        return high << 4 | low
    }

    /// `.` and `..` as a whole segment, also as escapes: a proxy may have resolved them, or not.
    private static func refuseDots(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(HeadRefusal) {
        var at = start
        var dots = 0
        while at < end, dots < 3 {
            if bytes[at] == UInt8(ascii: ".") {
                at += 1
            } else if bytes[at] == UInt8(ascii: "%"), escape(bytes, at, end) == UInt8(ascii: ".") {
                at += 3
            } else {
                break
            }
            dots += 1
        }
        let isWhole = at >= end || bytes[at] == UInt8(ascii: "/") || bytes[at] == UInt8(ascii: "?")
        if isWhole && (dots == 1 || dots == 2) { throw .badRequest("a target with dot segments") }
    }
}

/// What a target holds without a special meaning here: of the visible ASCII all but `" # % / < > ? \ ^` and the backtick,
/// of which URIs do not hold some at all (RFC 3986 §2) and fragments never reach a server.
@inline(__always)
private func isPlainTargetByte(_ byte: UInt8) -> Bool {
    if byte < 64 { return 0x2FFF_7FD2_0000_0000 >> UInt64(byte) & 1 == 1 }
    return byte < 128 && 0x7FFF_FFFE_AFFF_FFFF as UInt64 >> UInt64(byte - 64) & 1 == 1
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

/// Letters, digits and what addresses, ports and internationalised names use.
func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "["),
        UInt8(ascii: "]"),
        UInt8(ascii: "~"), UInt8(ascii: "%"):
        true
    default:
        false
    }
}
