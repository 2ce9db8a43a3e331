import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct IntervalSetTests {
    @Test func `it agrees with a set of single bytes, whatever comes in whatever order`() {
        for seed in 0..<200 {
            var random = TestRandom(seed)
            var set = IntervalSet()
            var model: Set<Int64> = []
            for _ in 0..<30 {
                let first = Int64.random(in: 0..<60, using: &random)
                let range = first..<first + Int64.random(in: 0..<12, using: &random)
                set.insert(range)
                model.formUnion(range)
                #expect(Set(set.ranges.flatMap(Array.init)) == model)
                #expect(set.count == Int64(model.count))
                #expect(zip(set.ranges, set.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
                #expect(set.frontier == (0...100).first { !model.contains($0) })
                let asked = Int64.random(in: 0..<60, using: &random)
                let question = asked..<asked + Int64.random(in: 1..<12, using: &random)
                #expect(set.contains(question) == question.allSatisfy(model.contains))
                let (isPresent, run) = set.run(from: question)
                #expect(run.lowerBound == question.lowerBound && run.upperBound <= question.upperBound && !run.isEmpty)
                #expect(run.allSatisfy { model.contains($0) == isPresent })
                #expect(run.upperBound == question.upperBound || model.contains(run.upperBound) != isPresent)
            }
        }
    }
}
