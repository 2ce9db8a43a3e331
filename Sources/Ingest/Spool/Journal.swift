import Crypto

/// What a journal file says: the records after its magic and version, up to the last that is whole and true. A pure
/// value; the file is `SpooledFile`'s.
package struct Journal: Sendable {
    /// Magic, version u32, CRC-32C of both.
    package static let head: [UInt8] = {
        var head = Array("sluice\0J".utf8)
        head.append(littleEndian: version)
        head.append(littleEndian: CRC32C.checksum(head))
        return head
    }()
    package static let version: UInt32 = 1

    package private(set) var received = IntervalSet()
    /// How far SHA-256 has come, and its state there.
    package private(set) var hashed: (end: Int64, midstate: [UInt8])?
    package private(set) var sealed: (length: Int64, sha256: [UInt8])?
    package private(set) var ended: UploadMachine.Reason?
    package private(set) var completesAlone = false
    /// Bytes that are durable here and, after a crash, perhaps nowhere else; in the order they were recorded.
    package private(set) var inline: [(first: Int64, bytes: [UInt8])] = []
    /// Where the next record belongs; whatever lies behind is cut.
    package private(set) var end = Journal.head.count

    /// What a journal has to say of its upload, in as few records as can say it. The bytes that it holds are left out: they
    /// must be durable elsewhere first.
    var compacted: [JournalRecord] {
        var records = received.ranges.map { JournalRecord(.extent(completesAlone: false), $0) }
        if completesAlone { records.append(JournalRecord(.extent(completesAlone: true), 0..<0)) }
        if let (end, midstate) = hashed { records.append(JournalRecord(.frontier(midstate: midstate), 0..<end)) }
        if let (length, sha256) = sealed { records.append(JournalRecord(.sealed(sha256: sha256), 0..<length)) }
        if let ended { records.append(JournalRecord(.ended(ended), 0..<0)) }
        return records
    }

    /// Every byte that counts stands in the journal itself.
    var isAllInline: Bool {
        var inline = IntervalSet()
        for (first, bytes) in self.inline { inline.insert(first..<first + Int64(bytes.count)) }
        return received.ranges.allSatisfy { inline.contains($0) }
    }

    /// One that was never begun: its head goes out with its first record.
    init() { end = 0 }

    /// Nil where the head is not ours: then nothing can be said of the upload. An empty file is a journal that was
    /// never begun.
    package init?(_ bytes: [UInt8]) {
        guard bytes.starts(with: Self.head) else { return nil }
        while let (record, next) = JournalRecord.read(bytes, at: end) {
            apply(record)
            end = next
        }
    }

    private mutating func apply(_ record: JournalRecord) {
        switch record.kind {
        case .extent(let completesAlone):
            received.insert(record.first..<record.end)
            self.completesAlone = self.completesAlone || completesAlone
        case .inline(let bytes):
            inline.append((record.first, bytes))
        case .frontier(let midstate):
            hashed = (record.end, midstate)
        case .sealed(let sha256):
            sealed = (record.end, sha256)
        case .ended(let reason):
            ended = reason
        }
    }
}
