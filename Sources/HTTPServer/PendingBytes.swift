/// Bytes that were read and not yet consumed. They are consumed by position: moving the rest to the front at every step
/// would cost a whole buffer for each byte of a body in small chunks.
struct PendingBytes {
    private static let least = 4_096
    private var bytes: [UInt8] = []
    private var start = 0
    /// How many bytes were moved inside the buffer. Tests bound it.
    private(set) var movedCount = 0

    init() {}

    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    var isEmpty: Bool { start == bytes.count }
    var count: Int { bytes.count - start }

    var span: Span<UInt8> {
        @_lifetime(borrow self)
        get { bytes.span.extracting(start...) }
    }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        // The consumed part is at least as long as the rest, so each byte is moved once for each byte consumed.
        if start >= Self.least, start >= count {
            movedCount += count
            bytes.removeFirst(start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    mutating func consume(_ count: Int) {
        precondition(count <= self.count, "more bytes are consumed than are here")
        start += count
        if isEmpty { (bytes, start) = ([], 0) }
    }

    /// At most `limit` bytes, appended to `out`.
    mutating func move(upTo limit: Int, to out: inout [UInt8]) {
        let count = min(limit, self.count)
        bytes.withUnsafeBufferPointer {
            out.append(contentsOf: UnsafeBufferPointer(rebasing: $0[start..<start + count]))
        }
        consume(count)
    }

    /// All of it; empty afterwards.
    mutating func takeAll() -> ArraySlice<UInt8> {
        defer { (bytes, start) = ([], 0) }
        return bytes[start...]
    }
}
