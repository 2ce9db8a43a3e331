/// The part of a target behind `?`, decoded as forms are (`+` is a space). Of a name given twice the first counts, so that
/// nothing appended to a signed address can speak for it.
package struct Query: Sendable {
    package let raw: String

    package init(_ raw: String) { self.raw = raw }

    package subscript(_ name: String) -> String? {
        for pair in raw.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, percentDecoded(first, plusIsSpace: true) == name else { continue }
            return parts.count == 2 ? percentDecoded(parts[1], plusIsSpace: true) : ""
        }
        return nil
    }
}

/// What is no valid escape stays as it is: the reader judges the value, and nothing is lost on the way.
func percentDecoded(_ text: some Sequence<UInt8>, plusIsSpace: Bool = false) -> String {
    let bytes = Array(text)
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
        if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = hexValue(bytes[index + 1]),
            let low = hexValue(bytes[index + 2])
        {
            out.append(high << 4 | low)
            index += 3
        } else {
            out.append(plusIsSpace && bytes[index] == UInt8(ascii: "+") ? UInt8(ascii: " ") : bytes[index])
            index += 1
        }
    }
    return String(decoding: out, as: UTF8.self)
}

func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
