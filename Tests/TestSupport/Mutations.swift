/// A corpus that is the same in every run: each seed text, and many changes of it of the kinds that split parsers apart.
/// A failing case is found again by its number.
package struct Mutations: Sequence {
    private let seeds: [[UInt8]]
    private let count: Int
    /// Pieces that mean something to the parser.
    private let words: [[UInt8]]

    package init(of seeds: [String], words: [String], count: Int) {
        self.seeds = seeds.map { Array($0.utf8) }
        self.words = (words + Self.commonWords).map { Array($0.utf8) }
        self.count = count
    }

    private static let commonWords = [
        "\r\n", "\n", "\r", "\r\n\r\n", "\0", " ", "\t", ",", ";", ":", "=", "\"", "\\", "'", "%", "+", "-", "/", "*",
        "?",
        "\u{7F}", "\u{B}", "\u{85}", "\u{A0}", "\u{301}", "\u{FF10}", "\u{2028}", "0x1", "18446744073709551616",
        "9223372036854775808", "00", "%0d%0a", "%00",
    ]

    package func makeIterator() -> AnyIterator<[UInt8]> {
        var number = 0
        return AnyIterator {
            defer { number += 1 }
            if number < seeds.count { return seeds[number] }
            return number < count ? mutation(number) : nil
        }
    }

    private func mutation(_ number: Int) -> [UInt8] {
        var random = SplitMix(UInt64(number))
        var bytes = seeds[number % seeds.count]
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&bytes, &random) }
        return bytes
    }

    private func change(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        let end = Swift.min(bytes.count, at + Int.random(in: 0...12, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0: bytes.insert(contentsOf: words.randomElement(using: &random) ?? [], at: at)
        case 1: bytes.replaceSubrange(at..<end, with: words.randomElement(using: &random) ?? [])
        case 2: bytes.removeSubrange(at..<end)
        case 3: bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
        case 4 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 5 where at < bytes.count: bytes[at] = .random(in: 0...255, using: &random)
        case 6: bytes.removeSubrange(at...)
        case 7:
            // A line given twice, or in another place.
            let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) + [0x0A] }
            let line = lines.randomElement(using: &random) ?? []
            bytes.insert(contentsOf: line, at: (bytes[..<at].lastIndex(of: 0x0A) ?? -1) + 1)
        default:
            let other = seeds.randomElement(using: &random) ?? []
            bytes = Array(bytes[..<at]) + other.suffix(Int.random(in: 0...other.count, using: &random))
        }
    }
}

package struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    package init(_ seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
