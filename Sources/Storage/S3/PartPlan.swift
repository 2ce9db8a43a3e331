/// How a file is cut: equal parts, the last one what is left, never more than a store takes. Pure.
package struct PartPlan: Sendable, Equatable {
    /// AWS takes 10,000 parts of 5 GiB, and most stores copied both numbers.
    package static let mostParts: Int64 = 10_000
    package static let largestPart: Int64 = 5 << 30

    package let size: Int64
    package let partSize: Int64

    /// Nil for what no store takes.
    package init?(size: Int64, partSize wanted: Int64) {
        guard size > 0, size <= Self.largestPart * Self.mostParts else { return nil }
        let least = (size + Self.mostParts - 1) / Self.mostParts
        // Whole mebibytes: some stores want parts that are equal and aligned.
        let grown = ((max(wanted, least) + 0xF_FFFF) >> 20) << 20
        guard grown <= Self.largestPart else { return nil }
        self.size = size
        partSize = grown
    }

    package var count: Int { Int((size + partSize - 1) / partSize) }

    /// The bytes of part `number`, from 1.
    package func range(of number: Int) -> Range<Int64> {
        let start = Int64(number - 1) * partSize
        return start..<min(size, start + partSize)
    }
}
