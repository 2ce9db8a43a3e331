/// Which bytes are there: half-open ranges, sorted, apart from one another. Owned by whoever holds it; a plain value.
package struct IntervalSet: Equatable, Sendable {
    package private(set) var ranges: [Range<Int64>] = []

    package init() {}

    package var isEmpty: Bool { ranges.isEmpty }
    package var count: Int64 { ranges.reduce(0) { $0 + Int64($1.count) } }
    package var end: Int64 { ranges.last?.upperBound ?? 0 }

    /// How far it reaches from the first byte without a gap.
    package var frontier: Int64 {
        guard let first = ranges.first, first.lowerBound == 0 else { return 0 }
        return first.upperBound
    }

    /// Ranges that touch become one, so the list is as long as there are gaps.
    package mutating func insert(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        let from = firstIndex(endingAtOrAfter: range.lowerBound)
        var to = from
        var merged = range
        while to < ranges.count, ranges[to].lowerBound <= range.upperBound {
            merged = min(merged.lowerBound, ranges[to].lowerBound)..<max(merged.upperBound, ranges[to].upperBound)
            to += 1
        }
        ranges.replaceSubrange(from..<to, with: CollectionOfOne(merged))
    }

    package func contains(_ range: Range<Int64>) -> Bool {
        guard !range.isEmpty else { return true }
        let index = firstIndex(endingAtOrAfter: range.upperBound)
        return index < ranges.count && ranges[index].lowerBound <= range.lowerBound
    }

    /// The longest run from `range`'s start that is wholly in the set, or wholly outside it.
    package func run(from range: Range<Int64>) -> (isPresent: Bool, run: Range<Int64>) {
        let index = firstIndex(endingAtOrAfter: range.lowerBound + 1)
        guard index < ranges.count else { return (false, range) }
        let next = ranges[index]
        if next.lowerBound <= range.lowerBound {
            return (true, range.lowerBound..<min(range.upperBound, next.upperBound))
        }
        return (false, range.lowerBound..<min(range.upperBound, next.lowerBound))
    }

    private func firstIndex(endingAtOrAfter offset: Int64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
