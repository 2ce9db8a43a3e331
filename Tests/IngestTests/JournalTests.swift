import Crypto
import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct JournalTests {
    private static let midstate: [UInt8] = {
        var sha = SHA256()
        sha.update([1, 2, 3])
        return sha.midstate
    }()

    static let records: [JournalRecord] = [
        JournalRecord(.extent(completesAlone: false), 0..<3),
        JournalRecord(.frontier(midstate: midstate), 0..<3),
        JournalRecord(.extent(completesAlone: true), 1 << 40..<(1 << 40) + 9),
        JournalRecord(.sealed(sha256: [UInt8](repeating: 7, count: 32)), 0..<12),
        JournalRecord(.ended(.digestMismatch), 0..<0),
        JournalRecord(.inline(bytes: [5, 6, 7]), 3..<6),
    ]

    @Test func `a record reads as it was written`() throws {
        for record in Self.records {
            let bytes = record.bytes
            let read = try #require(JournalRecord.read([0xAA] + bytes, at: 1))
            #expect(read.record == record)
            #expect(read.next == bytes.count + 1)
        }
    }

    @Test func `the form on the disk is the one that was promised`() {
        let bytes = JournalRecord(.extent(completesAlone: false), 2..<5).bytes
        #expect(bytes[..<24] == [28, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0])
        #expect(Array(bytes[24...]) == [UInt8](littleEndian: CRC32C.checksum(Array(bytes[..<24]))))
        #expect(Journal.head.starts(with: Array("sluice\0J".utf8) + [1, 0, 0, 0]))
        #expect(Journal.head.count == 16)
    }

    @Test func `cut at any byte, a journal claims all whole records and nothing more`() throws {
        let whole = Journal.head + Self.records.flatMap(\.bytes)
        var ends = [Journal.head.count]
        for record in Self.records { ends.append(ends[ends.count - 1] + record.bytes.count) }
        for cut in 0...whole.count {
            guard cut >= Journal.head.count else {
                #expect(Journal(Array(whole[..<cut])) == nil)
                continue
            }
            let journal = try #require(Journal(Array(whole[..<cut])))
            let count = ends.lastIndex { $0 <= cut } ?? 0
            #expect(journal.end == ends[count])
            var model = IntervalSet()
            for record in Self.records[..<count] {
                if case .extent = record.kind { model.insert(record.first..<record.end) }
            }
            #expect(journal.received == model)
            #expect((journal.hashed != nil) == (count >= 2))
            #expect((journal.sealed != nil) == (count >= 4))
            #expect((journal.ended != nil) == (count >= 5))
            #expect(journal.inline.count == (count >= 6 ? 1 : 0))
        }
    }

    @Test func `any flipped bit ends what is believed at its record`() throws {
        let whole = Journal.head + Self.records.flatMap(\.bytes)
        for index in Journal.head.count..<whole.count {
            for bit in [0, 5] {
                var bytes = whole
                bytes[index] ^= 1 << bit
                #expect(try #require(Journal(bytes)).end <= index)
            }
        }
        for index in 0..<Journal.head.count {
            var bytes = whole
            bytes[index] ^= 1
            #expect(Journal(bytes) == nil)
        }
    }

    @Test func `zeros and noise behind the last record are no records`() throws {
        var random = TestRandom(3)
        let whole = Journal.head + Self.records.flatMap(\.bytes)
        #expect(try #require(Journal(whole + [UInt8](repeating: 0, count: 4096))).end == whole.count)
        for _ in 0..<200 { #expect(try #require(Journal(whole + random.bytes(64))).end == whole.count) }
    }
}

extension [UInt8] {
    init(littleEndian value: UInt32) {
        self = []
        append(littleEndian: value)
    }
}
