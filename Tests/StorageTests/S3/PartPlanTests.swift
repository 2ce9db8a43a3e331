import Storage
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A plan of parts` {
    private static let mebibyte: Int64 = 1 << 20

    @Test(arguments: [
        1, 8 * mebibyte, 8 * mebibyte + 1, 80_000 * mebibyte, 80_000 * mebibyte + 1, 500_000 * mebibyte, 5 << 40,
    ])
    func `covers a file once, in equal parts, of which no store has too many`(_ size: Int64) throws {
        let plan = try #require(PartPlan(size: size, partSize: 8 * Self.mebibyte))
        #expect(plan.count <= 10_000 && plan.partSize >= 8 * Self.mebibyte)
        #expect(plan.partSize % Self.mebibyte == 0)
        var end: Int64 = 0
        for number in 1...plan.count {
            let range = plan.range(of: number)
            #expect(range.lowerBound == end && !range.isEmpty)
            #expect(range.count == plan.partSize || number == plan.count)
            end = range.upperBound
        }
        #expect(end == size)
    }

    @Test func `grows its parts only where it must`() {
        #expect(PartPlan(size: 80_000 * Self.mebibyte, partSize: 8 * Self.mebibyte)?.partSize == 8 * Self.mebibyte)
        #expect(PartPlan(size: 80_000 * Self.mebibyte + 1, partSize: 8 * Self.mebibyte)?.partSize == 9 * Self.mebibyte)
    }

    @Test(arguments: [0, 60 << 40, .max]) func `is none for what no store takes`(_ size: Int64) {
        #expect(PartPlan(size: size, partSize: 8 * Self.mebibyte) == nil)
    }
}
