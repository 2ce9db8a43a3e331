/// How an upload of a known size is cut into numbered chunks, all of one size but the last.
package struct ChunkGeometry: Equatable, Sendable {
    package static let ordinarySize: Int64 = 8 << 20
    package static let wishes: ClosedRange<Int64> = (64 << 10)...(64 << 20)
    package static let mostChunks: Int64 = 10_000

    package let size: Int64
    package let chunkSize: Int64

    /// What the ledger has kept.
    package init(size: Int64, chunkSize: Int64) {
        precondition(size > 0 && chunkSize > 0, "\(size) bytes in chunks of \(chunkSize)")
        self.size = size
        self.chunkSize = chunkSize
    }

    /// A wish within bounds is honoured as long as it makes no more than `mostChunks`; past that the chunks grow by whole
    /// steps of 64 KiB, and the answer says so.
    package init(size: Int64, wish: Int64?) {
        let least = (size - 1) / Self.mostChunks + 1
        let step = Self.wishes.lowerBound
        let wished = wish ?? Self.ordinarySize
        self.init(size: size, chunkSize: wished >= least ? wished : ((least - 1) / step + 1) * step)
    }

    package var count: Int64 { (size - 1) / chunkSize + 1 }

    /// Nil when there is no such chunk.
    package func range(of index: Int64) -> Range<Int64>? {
        guard index >= 0, index < count else { return nil }
        let first = index * chunkSize
        return first..<min(first + chunkSize, size)
    }

    /// The chunks that are not there whole.
    package func missing(from received: IntervalSet) -> [Int64] {
        (0..<count).filter { index in
            guard let range = range(of: index) else { return false }
            return !received.contains(range)
        }
    }
}
