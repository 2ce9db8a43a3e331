/// RFC 4648, strictly: no white space, padding exactly where it belongs, unused bits zero. One text for one value, so
/// that no two readers of a token differ.
package enum Base64 {
    package static func encode(_ bytes: [UInt8]) -> String { encode(bytes, standard, padded: true) }
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        decode(Array(text.utf8), standard, padded: true)
    }

    /// §5: the alphabet of URLs, without padding, as tokens have it.
    package static let url = URLForm()

    package struct URLForm: Sendable {
        package func encode(_ bytes: [UInt8]) -> String { Base64.encode(bytes, urlSafe, padded: false) }
        package func decode(_ text: some StringProtocol) -> [UInt8]? {
            Base64.decode(Array(text.utf8), urlSafe, padded: false)
        }
    }

    private static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    private static let standard = Array((letters + "+/").utf8)
    private static let urlSafe = Array((letters + "-_").utf8)
    private static let values = [standard: inverse(standard), urlSafe: inverse(urlSafe)]

    private static func inverse(_ alphabet: [UInt8]) -> [UInt8] {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, letter) in alphabet.enumerated() { table[Int(letter)] = UInt8(value) }
        return table
    }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], padded: Bool) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let group = part.reduce(0) { $0 << 8 | UInt32($1) } << (8 * (3 - UInt32(part.count)))
            for index in 0..<4 where index <= part.count {
                out.append(alphabet[Int(group >> (18 - 6 * UInt32(index)) & 63)])
            }
            if padded { out += [UInt8](repeating: UInt8(ascii: "="), count: 3 - part.count) }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func decode(_ text: [UInt8], _ alphabet: [UInt8], padded: Bool) -> [UInt8]? {
        guard let table = values[alphabet] else { return nil }
        var letters = text[...]
        if padded {
            guard text.count.isMultiple(of: 4) else { return nil }
            for _ in 0..<2 where letters.last == UInt8(ascii: "=") { letters.removeLast() }
        }
        guard letters.count % 4 != 1 else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(letters.count * 3 / 4)
        var (bits, count): (UInt32, UInt32) = (0, 0)
        for letter in letters {
            let value = table[Int(letter)]
            guard value < 64 else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                out.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        guard bits & (1 << count - 1) == 0 else { return nil }
        return out
    }
}
