import Glibc

/// Reads one request head, strictly: whatever two parsers could read differently is refused (RFC 9112 §2.2, §5.1, §6.3,
/// §11.2), because a proxy in front may be the other parser. It is asked again with more bytes until the blank line is in;
/// only then is anything interpreted.
struct HeadParser {
    enum Verdict {
        case incomplete
        case refused(HeadRefusal)
        case head(ParsedHead)
    }

    let maximumRequestLine: Int
    let maximumHead: Int
    let maximumFields: Int
    /// Of the last head that was accepted; kept between heads, so that parsing allocates nothing.
    private(set) var slots: [FieldSlot] = []

    init(_ configuration: ServerConfiguration) {
        maximumRequestLine = configuration.maximumRequestLine
        maximumHead = configuration.maximumHead
        maximumFields = configuration.maximumFields
        slots.reserveCapacity(configuration.maximumFields)
    }

    mutating func parse(_ bytes: Span<UInt8>) -> Verdict {
        // One empty line before the request line is forgiven (RFC 9112 §2.2).
        let start = bytes.count >= 2 && bytes[0] == cr && bytes[1] == lf ? 2 : 0
        switch findEnd(bytes, from: start) {
        case .none:
            // A client that sends anything else, a TLS greeting say, would wait until the head's deadline.
            return RequestLine.refusal(ofBegun: bytes, from: start).map(Verdict.refused) ?? .incomplete
        case .failure(let refusal): return .refused(refusal)
        case .success(let end):
            do throws(HeadRefusal) {
                return .head(try interpret(bytes, start, end))
            } catch {
                return .refused(error)
            }
        }
    }

    /// Past the blank line, once it is here. Line ends and limits are judged before, so that nobody waits for the end of
    /// what is refused anyway.
    private func findEnd(_ bytes: Span<UInt8>, from start: Int) -> Result<Int, HeadRefusal>? {
        var line = start
        while let end = nextLineFeed(bytes, from: line) {
            guard end > line, bytes[end - 1] == cr else { return .failure(.badRequest("a line ends without CR LF")) }
            if line == start && end - line > maximumRequestLine { return .failure(.lineTooLong) }
            if end + 1 - start > maximumHead { return .failure(.headTooLarge) }
            if end == line + 1 {
                return line == start ? .failure(.badRequest("an empty request line")) : .success(end + 1)
            }
            line = end + 1
        }
        if line == start && bytes.count - start > maximumRequestLine { return .failure(.lineTooLong) }
        return bytes.count - start > maximumHead ? .failure(.headTooLarge) : nil
    }

    private func nextLineFeed(_ bytes: Span<UInt8>, from start: Int) -> Int? {
        guard start < bytes.count else { return nil }
        return bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, bytes.count - start) else {
                return nil
            }
            return UnsafeRawPointer(found) - base
        }
    }

    private mutating func interpret(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) throws(HeadRefusal) -> ParsedHead {
        var head = ParsedHead()
        head.byteCount = end
        var at = try RequestLine.parse(bytes, from: start, into: &head)
        slots.removeAll(keepingCapacity: true)
        var framing = Framing()
        while bytes[at] != cr {
            guard slots.count < maximumFields else { throw .tooManyFields }
            let slot = try FieldLine.parse(bytes, from: at, next: &at)
            try framing.note(slot, in: bytes, &head)
            slots.append(slot)
        }
        // The blank line; `findEnd` saw to it that a line feed follows every CR that ends a line.
        guard at + 2 == end else { throw .badRequest("a bare CR") }
        try framing.settle(&head)
        return head
    }
}

/// Why a head is refused, and how that is answered.
struct HeadRefusal: Error {
    let status: Int
    let why: String

    static func badRequest(_ why: String) -> HeadRefusal { HeadRefusal(status: 400, why: why) }
    static var lineTooLong: HeadRefusal { HeadRefusal(status: 414, why: "the request line is too long") }
    static var headTooLarge: HeadRefusal { HeadRefusal(status: 431, why: "the head is too large") }
    static var tooManyFields: HeadRefusal { HeadRefusal(status: 431, why: "the head has too many fields") }
}

/// `name: value` and its CRLF.
enum FieldLine {
    static func parse(_ bytes: Span<UInt8>, from start: Int, next: inout Int) throws(HeadRefusal) -> FieldSlot {
        var at = start
        while isTokenByte(bytes[at]) { at += 1 }
        // A space here is obs-fold or a space before the colon; both are how requests are smuggled.
        guard at > start, bytes[at] == UInt8(ascii: ":") else { throw .badRequest("a malformed field name") }
        let name = start..<at
        at += 1
        while bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
        let first = at
        var last = at
        while isFieldByte(bytes[at]) {
            if bytes[at] > 0x20 { last = at + 1 }
            at += 1
        }
        guard bytes[at] == cr, bytes[at + 1] == lf else { throw .badRequest("a control byte in a field") }
        next = at + 2
        return FieldSlot(name: name, value: first..<max(first, last))
    }
}

let cr = UInt8(ascii: "\r")
let lf = UInt8(ascii: "\n")

/// RFC 9110 §5.6.2: the bytes of a token, as two bitmaps.
@inline(__always)
func isTokenByte(_ byte: UInt8) -> Bool {
    if byte < 64 { return 0x03FF_6CFA_0000_0000 >> UInt64(byte) & 1 == 1 }
    return byte < 128 && 0x57FF_FFFF_C7FF_FFFE as UInt64 >> UInt64(byte - 64) & 1 == 1
}

@inline(__always)
func isFieldByte(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7F || byte == 0x09
}
