import Testing

@testable import Transcode

@Suite(.timeLimit(.minutes(5))) struct `Decoded samples` {
    private func bytes(_ samples: [Float]) -> [UInt8] {
        samples.flatMap { sample in (0..<4).map { UInt8(truncatingIfNeeded: sample.bitPattern >> UInt32(8 * $0)) } }
    }

    private static let music: [Float] = [0, -0.0, 1, -1, 0.1, -0.7, 3.5, -15, 2047.9, .leastNonzeroMagnitude]
    private static let poison: [Float] = [
        .nan, .signalingNaN, .infinity, -.infinity, .greatestFiniteMagnitude, -1e16, 2048, -2048,
    ]

    @Test func `are left as they are when they are sound`() {
        var filter = SampleFilter()
        #expect(filter.pass(bytes(Self.music)) == bytes(Self.music))
    }

    @Test func `become silence when they are none`() {
        var filter = SampleFilter()
        let mixed: [Float] = zip(Self.music, Self.poison).flatMap { sound, poison -> [Float] in [sound, poison] }
        let cleaned: [Float] = zip(Self.music, Self.poison).flatMap { sound, _ -> [Float] in [sound, 0] }
        #expect(filter.pass(bytes(mixed)) == bytes(cleaned))
    }

    @Test func `are judged whole, wherever the pieces are cut`() {
        let mixed = bytes(Self.poison + Self.music)
        let cleaned = bytes(Self.poison.map { _ in 0 } + Self.music)
        for size in 1...9 {
            var filter = SampleFilter()
            var out: [UInt8] = []
            for start in stride(from: 0, to: mixed.count, by: size) {
                let piece = filter.pass(Array(mixed[start..<min(start + size, mixed.count)]))
                #expect(piece.count % 4 == 0)
                out += piece
            }
            #expect(out == cleaned)
        }
    }
}
