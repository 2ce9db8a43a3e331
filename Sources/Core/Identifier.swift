/// An id is a type that cannot hold what is no id: `[A-Za-z0-9_-]{1,64}`. A route can never carry a path or a control
/// character into the rooms below.
package protocol Identifier: Hashable, Sendable, Comparable, CustomStringConvertible {
    var text: String { get }
    /// For text that `Identifier.isValid` has accepted.
    init(checked text: String)
}

/// An id that we make ourselves: its prefix and 22 base62 characters, of which 7 tell the millisecond and 15 are random
/// (89 bits). What is made together lies together in every index, so a commit touches few pages.
package protocol MadeIdentifier: Identifier {
    static var prefix: String { get }
}

extension Identifier {
    package init?(_ text: some StringProtocol) {
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(isIdentifierByte) else { return nil }
        self.init(checked: String(text))
    }

    package var description: String { text }
    package static func < (a: Self, b: Self) -> Bool { a.text < b.text }
}

extension MadeIdentifier {
    /// Random enough that nobody guesses another's id: the system generator is the kernel's.
    package static func make() -> Self {
        Self(checked: prefix + base62(SystemTime().now.microseconds / 1_000, digits: 7) + randomBase62(15))
    }
}

package func randomBase62(_ count: Int) -> String {
    var generator = SystemRandomNumberGenerator()
    var text: [UInt8] = []
    text.reserveCapacity(count)
    while text.count < count {
        // Each draw is a call of the kernel: ten characters come from one. What is no digit is drawn again.
        var bits = generator.next()
        for _ in 0..<10 where text.count < count {
            if bits & 63 < 62 { text.append(base62[Int(bits & 63)]) }
            bits >>= 6
        }
    }
    return String(decoding: text, as: UTF8.self)
}

/// The last digits of a number, which sort as it does.
private func base62(_ number: Int64, digits: Int) -> String {
    var (rest, text) = (UInt64(bitPattern: number), [UInt8](repeating: 0, count: digits))
    for place in text.indices.reversed() {
        text[place] = base62[Int(rest % 62)]
        rest /= 62
    }
    return String(decoding: text, as: UTF8.self)
}

private let base62 = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

private func isIdentifierByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
    default:
        false
    }
}
