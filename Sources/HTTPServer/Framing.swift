/// The fields that decide where a message ends and whether the connection lives on. One place judges them all, because
/// their combinations are what smuggling is made of.
struct Framing {
    private var hasContentLength = false
    private var hasTransferEncoding = false
    private var asksClose = false
    private var asksKeepAlive = false
    private var expects = false

    mutating func note(_ slot: FieldSlot, in bytes: Span<UInt8>, _ head: inout ParsedHead) throws(HeadRefusal) {
        let name = slot.name
        switch name.count {
        case 4 where Self.same(bytes, name, "host"):
            // RFC 9112 §3.2: more than one, or an invalid one, is 400.
            guard head.host == nil else { throw .badRequest("two Host fields") }
            for index in slot.value where !isHostByte(bytes[index]) { throw .badRequest("a malformed Host") }
            head.host = slot.value
        case 5 where Self.same(bytes, name, "range"), 8 where Self.same(bytes, name, "if-range"),
            13 where Self.same(bytes, name, "if-none-match"), 12 where Self.same(bytes, name, "x-request-id"):
            head.isPlain = false
        case 6 where Self.same(bytes, name, "expect"):
            guard Self.same(bytes, slot.value, "100-continue") else {
                throw HeadRefusal(status: 417, why: "an expectation that is not known")
            }
            expects = true
        case 10 where Self.same(bytes, name, "connection"):
            try noteConnection(bytes, slot.value)
        case 14 where Self.same(bytes, name, "content-length"):
            guard !hasContentLength else { throw .badRequest("two Content-Length fields") }
            hasContentLength = true
            head.contentLength = try Self.length(bytes, slot.value)
        case 17 where Self.same(bytes, name, "transfer-encoding"):
            guard !hasTransferEncoding, Self.same(bytes, slot.value, "chunked") else {
                throw .badRequest("a Transfer-Encoding other than chunked")
            }
            hasTransferEncoding = true
        default:
            break
        }
    }

    mutating func settle(_ head: inout ParsedHead) throws(HeadRefusal) {
        if hasTransferEncoding {
            guard !hasContentLength else { throw .badRequest("Transfer-Encoding beside Content-Length") }
            guard head.isModern else { throw .badRequest("Transfer-Encoding in HTTP/1.0") }
            head.isChunked = true
        }
        if head.isModern && head.host == nil { throw .badRequest("no Host field") }
        if let host = head.host, host.isEmpty { throw .badRequest("an empty Host") }
        head.keepsAlive = !asksClose && (head.isModern || asksKeepAlive)
        head.expectsContinue = expects && head.isModern && head.hasBody
    }

    /// Digits alone: no sign, no list, nothing that overflows.
    private static func length(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(HeadRefusal) -> Int64 {
        guard !range.isEmpty, range.count <= 18 else { throw .badRequest("a malformed Content-Length") }
        var length: Int64 = 0
        for index in range {
            guard isDigit(bytes[index]) else { throw .badRequest("a malformed Content-Length") }
            length = length * 10 + Int64(bytes[index] - 0x30)
        }
        return length
    }

    private mutating func noteConnection(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(HeadRefusal) {
        var start = range.lowerBound
        for index in range.lowerBound...range.upperBound {
            guard index == range.upperBound || bytes[index] == UInt8(ascii: ",") else { continue }
            var token = start..<index
            while let first = token.first, bytes[first] == 0x20 || bytes[first] == 0x09 { token = token.dropFirst() }
            while let last = token.last, bytes[last] == 0x20 || bytes[last] == 0x09 { token = token.dropLast() }
            if token.count == 5, Self.same(bytes, token, "close") { asksClose = true }
            if token.count == 10, Self.same(bytes, token, "keep-alive") { asksKeepAlive = true }
            start = index + 1
        }
    }

    /// Without case; `text` is lowercase.
    private static func same(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for offset in 0..<range.count
        where asciiLowercase(bytes[range.lowerBound + offset]) != text.utf8Start[offset] { return false }
        return true
    }
}
