/// A parsed head, still in the buffer it was read into: what the hot path looks at, without a copy or an allocation. It
/// cannot outlive that buffer.
package struct RequestHead: ~Escapable {
    let bytes: Span<UInt8>
    let parsed: ParsedHead
    let slots: Span<FieldSlot>

    @_lifetime(copy bytes, copy slots)
    init(bytes: Span<UInt8>, parsed: ParsedHead, slots: Span<FieldSlot>) {
        self.bytes = bytes
        self.parsed = parsed
        self.slots = slots
    }

    package var isHead: Bool { parsed.method == .head }

    /// The path as it came, percent-encoded, without the query.
    package var path: Span<UInt8> {
        @_lifetime(copy self) get { bytes.extracting(parsed.path) }
    }

    package var hasQuery: Bool { parsed.hasQuery }

    /// Behind the `?`.
    package var query: Span<UInt8> {
        @_lifetime(copy self) get { bytes.extracting(parsed.query) }
    }

    package func contains(_ name: StaticString) -> Bool { index(of: name) != nil }

    /// The value of the first field of that name as text; this allocates.
    package func value(_ name: StaticString) -> String? {
        guard let index = index(of: name) else { return nil }
        return String(
            decoding: bytes.extracting(slots[index].value).withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
    }

    private func index(of name: StaticString) -> Int? {
        for index in slots.indices where sameName(slots[index].name, name) { return index }
        return nil
    }

    private func sameName(_ range: Range<Int>, _ name: StaticString) -> Bool {
        guard range.count == name.utf8CodeUnitCount else { return false }
        for offset in 0..<range.count
        where asciiLowercase(bytes[range.lowerBound + offset]) != asciiLowercase(name.utf8Start[offset]) {
            return false
        }
        return true
    }
}

/// What the parser made of a head, as offsets into its bytes.
struct ParsedHead {
    enum KnownMethod { case get, head, other }

    var method = KnownMethod.other
    var methodText = 0..<0
    var path = 0..<0
    var query = 0..<0
    var hasQuery = false
    /// Of an absolute target; it wins over the Host field (RFC 9112 §3.2.2).
    var authority: Range<Int>?
    var host: Range<Int>?
    /// 1.1 or later of major version 1.
    var isModern = true
    var keepsAlive = true
    var contentLength: Int64?
    var isChunked = false
    var expectsContinue = false
    /// No field that asks for more than the plain file: no range, condition or request id.
    var isPlain = true
    /// Of the head, its blank line included.
    var byteCount = 0

    var hasBody: Bool { isChunked || (contentLength ?? 0) > 0 }
}
