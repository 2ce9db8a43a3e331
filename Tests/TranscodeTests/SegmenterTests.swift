import Testing

@testable import Transcode

@Suite(.timeLimit(.minutes(5))) struct `The segmenter` {
    private func cut(_ total: Int, grid: Int, extra: Int, step: Int) -> [Int] {
        var segmenter = Segmenter(grid: grid, extra: extra)
        var lengths: [Int] = []
        var left = total
        while left > 0 {
            let frames = [Frame](repeating: Frame(duration: 1024, bytes: [1]), count: min(step, left))
            lengths += segmenter.push(frames).map(\.count)
            left -= frames.count
        }
        return lengths + segmenter.finish().map(\.count)
    }

    @Test(arguments: [(258, 1), (282, 1), (86, 0)])
    func `loses no frame, keeps its grid and leaves no runt, whatever the length`(_ shape: (grid: Int, extra: Int)) {
        let (grid, extra) = shape
        for total in 1...(grid * 5) {
            let lengths = cut(total, grid: grid, extra: extra, step: 7)
            #expect(lengths.reduce(0, +) == total)
            for (index, length) in lengths.enumerated().dropLast(2) {
                #expect(length == grid + (index == 0 ? extra : 0))
            }
            if lengths.count > 1 {
                #expect(lengths.suffix(2).allSatisfy { $0 >= grid / 2 - 3 }, "\(total): \(lengths)")
            }
        }
    }

    @Test func `cuts the same however the frames come`() {
        for step in [1, 2, 100, 1000] {
            #expect(cut(1234, grid: 258, extra: 1, step: step) == cut(1234, grid: 258, extra: 1, step: 1234))
        }
    }
}
