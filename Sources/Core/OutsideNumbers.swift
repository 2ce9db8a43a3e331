// Numbers that come from outside: a client, a store, a file system, a file. Whatever they are, no arithmetic on them traps.

/// Digits alone: no sign, no space, at most 18 of them, so that the sum of two fits.
package func wholeNumber(_ text: some StringProtocol) -> Int64? {
    guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int64(text)
}

extension Int64 {
    /// The sum, or the bound that it passes.
    package func clampedSum(_ other: Int64) -> Int64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return !isOver ? sum : other < 0 ? .min : .max
    }

    /// The difference, or the bound that it passes.
    package func clampedDifference(_ other: Int64) -> Int64 {
        let (difference, isOver) = subtractingReportingOverflow(other)
        return !isOver ? difference : other > 0 ? .min : .max
    }

    /// The product, or the bound that it passes.
    package func clampedProduct(_ other: Int64) -> Int64 {
        let (product, isOver) = multipliedReportingOverflow(by: other)
        return !isOver ? product : (self < 0) == (other < 0) ? .max : .min
    }

    /// Without its fraction, or the bound that it passes; 0 for what is no number.
    package init(clamping number: Double) {
        self = number.isNaN ? 0 : number >= 0x1p63 ? .max : number < -0x1p63 ? .min : Int64(number)
    }
}
