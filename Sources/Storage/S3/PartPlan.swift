/// How a file is cut: equal parts, the last one what is left, never more than a store takes. Pure.
struct PartPlan: Sendable, Equatable {
    /// AWS takes 10,000 parts of 5 GiB, and most stores copied both numbers.
    static let mostParts: Int64 = 10_000
    static let largestPart: Int64 = 5 << 30

    let size: Int64
    let partSize: Int64

    /// Nil for what no store takes.
    init?(size: Int64, partSize wanted: Int64) {
        let least = (size + Self.mostParts - 1) / Self.mostParts
        // Whole mebibytes: some stores want parts that are equal and aligned.
        let grown = ((max(wanted, least) + 0xF_FFFF) >> 20) << 20
        guard size > 0, grown <= Self.largestPart else { return nil }
        self.size = size
        partSize = grown
    }

    var count: Int { Int((size + partSize - 1) / partSize) }

    /// The bytes of part `number`, from 1.
    func range(of number: Int) -> Range<Int64> {
        let start = Int64(number - 1) * partSize
        return start..<min(size, start + partSize)
    }
}
