/// RFC 4648, strictly: no white space, padding exactly where it belongs, unused bits zero. One text for one value, so
/// that no two readers of a token differ.
package enum Base64 {
    package static func encode(_ bytes: [UInt8]) -> String { standard.encode(bytes.span) }

    package static func decode(_ text: some StringProtocol) -> [UInt8]? { standard.decode(Array(text.utf8).span) }

    /// §5: the alphabet of URLs, without padding, as tokens have it.
    package static let url = URLForm()

    package struct URLForm: Sendable {
        package func encode(_ bytes: [UInt8]) -> String { urlSafe.encode(bytes.span) }

        package func decode(_ text: some StringProtocol) -> [UInt8]? { urlSafe.decode(Array(text.utf8).span) }

        /// Of the letters themselves.
        package func decode(letters: ArraySlice<UInt8>) -> [UInt8]? { urlSafe.decode(letters.span) }
    }

    private static let standard = Base64Alphabet(last: "+/", padded: true)
    private static let urlSafe = Base64Alphabet(last: "-_", padded: false)
}

private struct Base64Alphabet: Sendable {
    private let letters: [UInt8]
    /// By letter; 255 for what is none.
    private let values: [UInt8]
    private let padded: Bool

    init(last: String, padded: Bool) {
        letters = Array(("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + last).utf8)
        var values = [UInt8](repeating: 255, count: 256)
        for (value, letter) in letters.enumerated() { values[Int(letter)] = UInt8(value) }
        self.values = values
        self.padded = padded
    }

    func encode(_ bytes: Span<UInt8>) -> String {
        let (groups, rest) = bytes.count.quotientAndRemainder(dividingBy: 3)
        let length = groups * 4 + (rest == 0 ? 0 : padded ? 4 : rest + 1)
        return String(unsafeUninitializedCapacity: length) { out in
            var at = 0
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let count = min(3, bytes.count - start)
                var group: UInt32 = 0
                for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
                for index in 0...count {
                    out[at] = letters[Int(group >> (18 - 6 * UInt32(index)) & 63)]
                    at += 1
                }
            }
            while at < length {
                out[at] = UInt8(ascii: "=")
                at += 1
            }
            return length
        }
    }

    func decode(_ text: Span<UInt8>) -> [UInt8]? {
        var count = text.count
        if padded {
            guard count.isMultiple(of: 4) else { return nil }
            for _ in 0..<2 where count > 0 && text[count - 1] == UInt8(ascii: "=") { count -= 1 }
        }
        guard count % 4 != 1 else { return nil }
        var isRight = true
        let out = [UInt8](unsafeUninitializedCapacity: count * 3 / 4) { out, written in
            var (bits, pending): (UInt32, UInt32) = (0, 0)
            for index in 0..<count {
                let value = values[Int(text[index])]
                guard value < 64 else {
                    isRight = false
                    return
                }
                bits = (bits << 6 | UInt32(value)) & 0xFFFF
                pending += 6
                if pending >= 8 {
                    pending -= 8
                    out[written] = UInt8(truncatingIfNeeded: bits >> pending)
                    written += 1
                }
            }
            isRight = bits & (1 << pending - 1) == 0
        }
        return isRight ? out : nil
    }
}
