@testable import HTTPServer
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Bytes that wait to be consumed` {
    @Test func `come out in their order, however they go in and out`() {
        var pending = PendingBytes()
        var (expected, out) = ([UInt8](), [UInt8]())
        for round in 0..<2_000 {
            let part = (0..<round * 37 % 301).map { UInt8(truncatingIfNeeded: $0 &+ round) }
            part.withUnsafeBytes { pending.append($0) }
            expected += part
            pending.move(upTo: round * 91 % 293, to: &out)
            let skipped = min(round % 3, pending.count)
            for index in 0..<skipped { out.append(pending.span[index]) }
            pending.consume(skipped)
        }
        out += pending.takeAll()
        #expect(out == expected && pending.isEmpty)
    }

    @Test func `are moved at most once each, also when they go one by one`() {
        let piece = [UInt8](repeating: 1, count: 16_384)
        var (pending, out, came) = (PendingBytes(), [UInt8](), 0)
        for _ in 0..<64 {
            piece.withUnsafeBytes { pending.append($0) }
            came += piece.count
            // A little is always left, as the part of a chunk's line is.
            while pending.count > 3 { pending.move(upTo: 1, to: &out) }
        }
        #expect(out.count == came - 3)
        #expect(pending.movedCount <= came)
    }
}
