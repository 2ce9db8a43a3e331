/// Percent-encoding as signatures want it (RFC 3986 §2.3: everything but letters, digits and `-._~`).
enum URLText {
    private static let digits = Array("0123456789ABCDEF".utf8)

    private static let isPlain: [Bool] = (0..<256).map { byte in
        let byte = UInt8(byte)
        return switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// A path keeps its slashes.
    static func append(_ text: String, to bytes: inout [UInt8], keepingSlashes: Bool = false) {
        for byte in text.utf8 {
            if isPlain[Int(byte)] || keepingSlashes && byte == UInt8(ascii: "/") {
                bytes.append(byte)
            } else {
                bytes.append(UInt8(ascii: "%"))
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            }
        }
    }

    static func encode(_ text: String, keepingSlashes: Bool = false) -> String {
        var bytes: [UInt8] = []
        append(text, to: &bytes, keepingSlashes: keepingSlashes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// As listings of keys are encoded, where a plus is a space. Nil for what is no such text.
    static func decode(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(0x20)
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        UInt8(String(UnicodeScalar(digit)), radix: 16)
    }
}
