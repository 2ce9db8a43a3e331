import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A range` {
    @Test(arguments: [
        ("bytes=0-0", RangeRequest.part(0..<1)), ("bytes=10-99", .part(10..<100)), ("bytes=90-", .part(90..<100)),
        ("bytes=-5", .part(95..<100)), ("bytes=-500", .part(0..<100)), ("bytes=5-1000", .part(5..<100)),
        ("BYTES=1-2", .part(1..<3)), ("bytes=99-99999999999999999999999", .part(99..<100)),
        ("bytes=100-", .unsatisfiable), ("bytes=105-109", .unsatisfiable), ("bytes=-0", .unsatisfiable),
        ("bytes=99999999999999999999999-", .unsatisfiable),
        ("bytes=9-3", .whole), ("bytes=abc", .whole), ("pages=1-2", .whole), ("bytes=-", .whole),
        ("bytes=1-2,4-5", .whole),
        ("bytes=+1-2", .whole), ("bytes=1--2", .whole), ("bytes", .whole), ("", .whole),
    ])
    func `says which bytes of a hundred`(field: String, expected: RangeRequest) {
        #expect(RangeRequest(field, size: 100) == expected)
    }

    @Test func `at the ends of what fits is within the file, or is not satisfied`() {
        let ends = ["", "0", "1", "9223372036854775806", "9223372036854775807", "9223372036854775808"]
        for size in [Int64(0), 1, .max - 1, .max] {
            for first in ends {
                for last in ends {
                    guard case .part(let part) = RangeRequest("bytes=\(first)-\(last)", size: size) else { continue }
                    #expect(!part.isEmpty && part.lowerBound >= 0 && part.upperBound <= size)
                }
            }
        }
    }

    @Test func `of an empty file is never satisfied, and no range is the whole`() {
        #expect(RangeRequest("bytes=0-0", size: 0) == .unsatisfiable)
        #expect(RangeRequest("bytes=-1", size: 0) == .unsatisfiable)
        #expect(RangeRequest(nil, size: 0) == .whole)
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A condition` {
    @Test(arguments: [
        ("\"a\"", true), ("W/\"a\"", true), ("*", true), ("\"b\", W/\"a\"", true), ("\"x,y\", \"a\"", true),
        ("\"b\"", false),
        ("a", false), ("\"a", false), ("", false),
    ])
    func `If-None-Match compares weakly, over a list`(field: String, isFresh: Bool) {
        #expect(Conditional.isFresh(ifNoneMatch: field, tag: "\"a\"") == isFresh)
    }

    @Test func `If-Range compares strongly`() {
        #expect(Conditional.rangeApplies(ifRange: nil, tag: "\"a\""))
        #expect(Conditional.rangeApplies(ifRange: "\"a\"", tag: "\"a\""))
        #expect(!Conditional.rangeApplies(ifRange: "W/\"a\"", tag: "\"a\""))
        #expect(!Conditional.rangeApplies(ifRange: "\"b\"", tag: "\"a\""))
        #expect(!Conditional.rangeApplies(ifRange: "Sat, 21 Nov 2026 10:02:07 GMT", tag: "\"a\""))
    }
}
