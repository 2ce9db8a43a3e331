/// Finds its way through a chunked body (RFC 9112 §7.1): pure, fed with what is here, saying what it is. As strict as the
/// head's parser: sizes are bare hex digits, every line ends in CR LF, extensions are skipped and bounded.
struct ChunkDecoder {
    enum Step: Equatable {
        /// Nothing can be said before more bytes come.
        case more
        /// So many bytes were framing; ask again behind them.
        case framing(Int)
        /// So many bytes of data may follow, as they come; report them with `took`.
        case data(Int64)
        /// So many bytes were the last of this body.
        case end(Int)
        case malformed(String)
    }

    private enum State {
        case size
        case data(Int64)
        case dataEnd
        case trailer
        case over
    }

    private static let longestLine = 1_024
    private static let longestTrailer = 8_192
    private var state = State.size
    private var trailerBytes = 0
    private(set) var trailers: [(String, String)] = []

    var isOver: Bool { if case .over = state { true } else { false } }

    mutating func next(_ bytes: Span<UInt8>) -> Step {
        switch state {
        case .data(let left): return .data(left)
        case .over: return .end(0)
        case .dataEnd: return afterData(bytes)
        case .size, .trailer: break
        }
        guard let end = lineEnd(bytes) else {
            return bytes.count > Self.longestLine ? .malformed("a chunk line is too long") : .more
        }
        guard end > 0, bytes[end - 1] == cr else { return .malformed("a chunk line ends without CR LF") }
        guard end <= Self.longestLine else { return .malformed("a chunk line is too long") }
        if case .trailer = state { return trailer(bytes, end) }
        return size(bytes, end)
    }

    mutating func took(_ count: Int) {
        guard case .data(let left) = state else { preconditionFailure("no data was offered") }
        precondition(Int64(count) <= left, "more was taken than offered")
        state = left == Int64(count) ? .dataEnd : .data(left - Int64(count))
    }

    private func lineEnd(_ bytes: Span<UInt8>) -> Int? {
        for index in 0..<min(bytes.count, Self.longestLine + 1) where bytes[index] == lf { return index }
        return nil
    }

    private mutating func afterData(_ bytes: Span<UInt8>) -> Step {
        if bytes.count > 0, bytes[0] != cr { return .malformed("a chunk is longer than its size") }
        guard bytes.count >= 2 else { return .more }
        guard bytes[1] == lf else { return .malformed("a chunk is longer than its size") }
        state = .size
        return .framing(2)
    }

    private mutating func size(_ bytes: Span<UInt8>, _ end: Int) -> Step {
        var size: Int64 = 0
        var at = 0
        while let digit = hexValue(bytes[at]) {
            guard at < 15 else { return .malformed("a chunk size overflows") }
            size = size << 4 | Int64(digit)
            at += 1
        }
        guard at > 0 else { return .malformed("a malformed chunk size") }
        if at != end - 1 {
            guard bytes[at] == UInt8(ascii: ";") else { return .malformed("a malformed chunk size") }
            for index in at..<end - 1 where !isFieldByte(bytes[index]) {
                return .malformed("a control byte in an extension")
            }
        }
        state = size == 0 ? .trailer : .data(size)
        return .framing(end + 1)
    }

    private mutating func trailer(_ bytes: Span<UInt8>, _ end: Int) -> Step {
        if end == 1 {
            state = .over
            return .end(2)
        }
        trailerBytes += end
        guard trailerBytes <= Self.longestTrailer else { return .malformed("the trailers are too long") }
        do throws(HeadRefusal) {
            var next = 0
            let slot = try FieldLine.parse(bytes, from: 0, next: &next)
            guard next == end + 1 else { return .malformed("a malformed trailer") }
            trailers.append((Self.text(bytes, slot.name), Self.text(bytes, slot.value)))
        } catch {
            return .malformed(error.why)
        }
        return .framing(end + 1)
    }

    private static func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        String(decoding: bytes.extracting(range).withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
    }
}
