/// An id is a type that cannot hold what is no id: `[A-Za-z0-9_-]{1,64}`. A route can never carry a path or a control
/// character into the rooms below.
package protocol Identifier: Hashable, Sendable, Comparable, CustomStringConvertible {
    var text: String { get }
    /// For text that `Identifier.isValid` has accepted.
    init(checked text: String)
}

/// An id that we make ourselves: its prefix and 22 base62 characters, 131 random bits.
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
    package static func make() -> Self { Self(checked: prefix + randomBase62(22)) }
}

package func randomBase62(_ count: Int) -> String {
    var generator = SystemRandomNumberGenerator()
    return String((0..<count).map { _ in base62.randomElement(using: &generator) ?? "0" })
}

private let base62 = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

private func isIdentifierByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
    default:
        false
    }
}
