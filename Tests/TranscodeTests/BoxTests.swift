import Core
import Testing

@testable import Transcode

@Suite(.timeLimit(.minutes(5))) struct `A box` {
    private let track = InitSegment(
        entry: [0, 0, 0, 12] + Array("mp4a".utf8) + [1, 2, 3, 4], rate: 44_100, frameDuration: 1024, priming: 1024,
        rollDistance: -1)

    private func body(_ path: [String], _ bytes: [UInt8]) throws -> [UInt8] {
        Array(try #require(Box.first(path, in: bytes[...])?.body))
    }

    private func number(_ bytes: [UInt8], _ width: Int, at offset: Int) -> UInt64? {
        bytes[...].integer(width, at: offset)
    }

    @Test func `of the initialisation names brands, the edit and the roll distance`() throws {
        let bytes = track.bytes(shown: 100_000)
        #expect(Box.list(bytes[...])?.map(\.type) == ["ftyp", "moov"])
        #expect(try body(["ftyp"], bytes) == Array("cmfc".utf8) + [0, 0, 0, 0] + Array("iso6cmfcmp41".utf8))
        let edit = try body(["moov", "trak", "edts", "elst"], bytes)
        #expect(edit.count == 20)
        #expect(number(edit, 4, at: 8) == 100_000)
        #expect(number(edit, 4, at: 12) == 1024)
        let head = try body(["moov", "trak", "tkhd"], bytes)
        #expect(Array(head[0..<4]) == [0, 0, 0, 7])
        let roll = try body(["moov", "trak", "mdia", "minf", "stbl", "sgpd"], bytes)
        #expect(roll == [1, 0, 0, 0] + Array("roll".utf8) + [0, 0, 0, 2, 0, 0, 0, 1, 0xFF, 0xFF])
        #expect(try body(["moov", "mvex", "trex"], bytes).suffix(12) == [0, 0, 4, 0, 0, 0, 0, 0, 2, 0, 0, 0])
    }

    @Test func `of a segment points at its data, and names durations only where they differ`() throws {
        let even = [Frame](repeating: Frame(duration: 1024, bytes: [1, 2, 3]), count: 2)
        let bytes = MediaSegment.bytes(even, sequence: 7, decodeTime: 1 << 33, track: track)
        let moof = try #require(Box.list(bytes[...])?.first)
        let run = try body(["moof", "traf", "trun"], bytes)
        #expect(number(run, 4, at: 0) == 0x201)
        #expect(number(run, 4, at: 8) == UInt64(moof.body.count + 16))
        #expect(try number(body(["moof", "traf", "tfdt"], bytes), 8, at: 4) == 1 << 33)
        #expect(try body(["mdat"], bytes) == [1, 2, 3, 1, 2, 3])
        let uneven = even + [Frame(duration: 500, bytes: [4])]
        let last = MediaSegment.bytes(uneven, sequence: 8, decodeTime: 0, track: track)
        let lastRun = try body(["moof", "traf", "trun"], last)
        #expect(number(lastRun, 4, at: 0) == 0x301)
        #expect(number(lastRun, 4, at: lastRun.count - 8) == 500)
    }

    private var stream: [UInt8] {
        track.bytes(shown: 2048)
            + MediaSegment.bytes([Frame(duration: 1024, bytes: [9, 9])], sequence: 1, decodeTime: 0, track: track)
    }

    @Test func `is read back, however the bytes come`() throws {
        for step in [1, 7, 4096] {
            var reader = FragmentReader()
            var frames: [Frame] = []
            var rest = stream[...]
            while !rest.isEmpty {
                frames += try reader.push(Array(rest.prefix(step)))
                rest = rest.dropFirst(step)
            }
            #expect(frames == [Frame(duration: 1024, bytes: [9, 9])])
            #expect(reader.isAtEnd)
            #expect(reader.head?.priming == 1024)
        }
    }

    @Test func `that is damaged anywhere is an error or a wait, and no crash`() {
        for index in stream.indices {
            for value in [0, 1, 7, 0x7F, 0xFF] as [UInt8] {
                var damaged = stream
                damaged[index] = value
                var reader = FragmentReader()
                // What is damaged may still parse; that nothing traps is what counts.
                _ = try? reader.push(damaged)
            }
            var reader = FragmentReader()
            #expect((try? reader.push(Array(stream[..<index])))?.isEmpty ?? true)
        }
    }
}
