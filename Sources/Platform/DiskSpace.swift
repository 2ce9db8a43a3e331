internal import Core

/// What a file system has. Network file systems and FUSE report any numbers: more than 8 EiB count as 8 EiB.
package struct DiskSpace: Equatable, Sendable {
    /// Bytes that an ordinary user may still write.
    package let free: Int64
    package let total: Int64

    /// Nil for a file system of no blocks: it has not reported its size. That does not make it full.
    package init?(blocks: UInt64, free: UInt64, unit: UInt64) {
        guard blocks > 0 else { return nil }
        let unit = Int64(clamping: unit)
        self.init(free: Int64(clamping: free).clampedProduct(unit), total: Int64(clamping: blocks).clampedProduct(unit))
    }

    package init(free: Int64, total: Int64) {
        self.free = free
        self.total = total
    }

    /// What is free beyond a share of the whole that stays free.
    package func room(sparing share: Double) -> Int64 { free - Int64(clamping: Double(total) * share) }

    /// Whole percents.
    package var freeShare: Int { Int(100 * Double(free) / Double(max(1, total))) }
}
