import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct ChunkGeometryTests {
    @Test func `a wish is honoured`() {
        let geometry = ChunkGeometry(size: 10 * 65_536 + 1, wish: 65_536)
        #expect(geometry.chunkSize == 65_536)
        #expect(geometry.count == 11)
        #expect(geometry.range(of: 10) == 655_360..<655_361)
        #expect(geometry.range(of: 11) == nil)
        #expect(geometry.range(of: -1) == nil)
    }

    @Test func `without a wish a chunk has 8 MiB`() {
        #expect(ChunkGeometry(size: 1, wish: nil).chunkSize == 8 << 20)
        #expect(ChunkGeometry(size: 1, wish: nil).count == 1)
    }

    @Test func `there are never more than 10,000 chunks`() {
        let sizes: [Int64] = [1, 65_536 * 10_000, 65_536 * 10_000 + 1, 1 << 40, 5 << 40]
        for size in sizes {
            let geometry = ChunkGeometry(size: size, wish: 65_536)
            #expect(geometry.count <= 10_000)
            #expect(geometry.range(of: geometry.count - 1)?.upperBound == size)
        }
        #expect(ChunkGeometry(size: 65_536 * 10_000, wish: 65_536).chunkSize == 65_536)
    }

    @Test func `a chunk that is there in part is missing`() {
        let geometry = ChunkGeometry(size: 25, chunkSize: 10)
        var received = IntervalSet()
        received.insert(0..<10)
        received.insert(12..<25)
        #expect(geometry.missing(from: received) == [1])
    }
}
