import Core

/// How fast bytes go, smoothed: what was measured two seconds ago counts half. A plain value.
struct UploadRate {
    private(set) var perSecond = 0.0
    private var last: (at: ContinuousClock.Instant, bytes: Int64)?
    private var weight = 0.0

    mutating func measure(_ bytes: Int64, at now: ContinuousClock.Instant) {
        guard let last else {
            self.last = (now, bytes)
            return
        }
        let passed = (now - last.at).inSeconds
        guard passed >= 0.05 else { return }
        self.last = (now, bytes)
        let kept = Self.half(passed / 2)
        // The first measurements would otherwise be drawn towards nothing.
        weight = weight * kept + (1 - kept)
        perSecond += ((Double(max(0, bytes - last.bytes)) / passed) - perSecond) * (1 - kept) / weight
    }

    /// A half to the power of `exponent`, without a mathematical library.
    private static func half(_ exponent: Double) -> Double {
        var (result, whole) = (1.0, exponent)
        while whole >= 1 && result > 0 {
            result /= 2
            whole -= 1
        }
        // e^-x by its series, x below ln 2.
        let x = whole * 0.693147180559945
        return result * (1 - x + x * x / 2 - x * x * x / 6 + x * x * x * x / 24)
    }
}
