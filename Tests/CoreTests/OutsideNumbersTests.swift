import Core
import Testing

/// The least and the greatest of what fits, their neighbours, and what lies beyond.
private let extremes: [Int64] = [
    .min, .min + 1, -1_000_000_000_000_000_000, -1, 0, 1, 1_000_000_000_000_000_000, .max - 1, .max,
]

@Suite(.timeLimit(.minutes(5))) struct `Numbers from outside` {
    @Test(arguments: extremes) func `never trap in a sum, a product or a moment`(_ number: Int64) {
        for other in extremes {
            let sum = number.clampedSum(other)
            #expect((sum < number) == (other < 0) || sum == number, "\(number) + \(other) is \(sum)")
            #expect(number.clampedProduct(other).signum() == number.signum() * other.signum())
            let (a, b) = (Timestamp(microseconds: number), Timestamp(seconds: other))
            #expect((a - b < .zero) == (a < b))
            _ = a + .seconds(other)
            _ = a - .seconds(other)
        }
        for moment in [Timestamp(microseconds: number), Timestamp(seconds: number)] {
            #expect(!moment.description.isEmpty && !moment.httpDate.isEmpty)
        }
        let duration = Duration.seconds(number)
        #expect(duration.microseconds.signum() == number.signum() && duration.inSeconds.isFinite)
    }

    @Test func `keep exact values where they fit`() {
        #expect(Int64(2).clampedSum(3) == 5 && Int64.max.clampedSum(1) == .max && Int64.min.clampedSum(-1) == .min)
        #expect(Int64(-2).clampedProduct(3) == -6 && Int64.min.clampedProduct(-1) == .max)
        #expect(Timestamp(seconds: .max).microseconds == .max && Duration.seconds(2.5).microseconds == 2_500_000)
    }

    @Test(arguments: [
        (1.9, 1), (-1.9, -1), (1e300, Int64.max), (-1e300, .min), (.infinity, .max), (-.infinity, .min), (.nan, 0),
        (0x1p63, .max), (-0x1p63, .min),
    ])
    func `become whole numbers without their fraction`(number: Double, whole: Int64) {
        #expect(Int64(clamping: number) == whole)
    }

    @Test func `are digits alone, at most 18 of them`() {
        #expect(wholeNumber("0") == 0 && wholeNumber("007") == 7 && wholeNumber("999999999999999999") != nil)
        for text in ["", "-1", "+1", " 1", "1 ", "1e3", "0x1", "١", "1000000000000000000", "9223372036854775808"] {
            #expect(wholeNumber(text) == nil, "\(text)")
        }
    }

    @Test func `in JSON are read as they stand, or refused`() throws {
        let texts =
            extremes.map(String.init) + [
                "9223372036854775808", "-9223372036854775809", "1e308", "-0", "-0.0", "1e-999",
            ]
        for text in texts {
            let number = try JSON.parse(Array(text.utf8))
            #expect(try JSON.parse(number.bytes) == number || number.double == 0, "\(text)")
        }
        #expect(throws: JSONFailure.self) { try JSON.parse(Array("1e309".utf8)) }
    }

    @Test(arguments: [Int.min, -1, 0, 1, 30, 31, 63, 64, 65, .max - 1, .max]) func `of tries give a wait within bounds`(
        _ attempt: Int
    ) {
        let doubling = RetryPolicy.doubling(from: .seconds(1), upTo: .seconds(60), tries: .max)
        let written = RetryPolicy.schedule([.seconds(10), .seconds(20)], spread: 0)
        #expect((.zero ... .seconds(60)).contains(doubling.wait(after: attempt) ?? .zero))
        let allowed: [Duration?] = [.seconds(10), .seconds(20), nil]
        #expect(allowed.contains(written.wait(after: attempt)))
    }
}
