import Crypto

/// One thing that became true of an upload, as its journal keeps it. Little-endian:
///
///     length u32 | kind u8, 3 × 0 | first i64 | end i64 | crc32c u32 | payload
///
/// `length` counts the whole record; the checksum covers all of it but itself.
package struct JournalRecord: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// Bytes first..<end are durable. `completesAlone`: the client's protocol ends with its last byte.
        case extent(completesAlone: Bool)
        /// Bytes first..<end themselves: few enough that the journal keeps them, so that one sync makes them durable and
        /// the record with them.
        case inline(bytes: [UInt8])
        /// Bytes 0..<end are hashed; what SHA-256 has come to there.
        case frontier(midstate: [UInt8])
        /// Every byte is there and counts: the SHA-256 of 0..<end.
        case sealed(sha256: [UInt8])
        case ended(UploadMachine.Reason)
    }

    package let kind: Kind
    package let first: Int64
    package let end: Int64

    package init(_ kind: Kind, _ range: Range<Int64>) {
        self.kind = kind
        first = range.lowerBound
        end = range.upperBound
    }

    package static let headLength = 28
    package static let longestPayload = 1 << 16

    package var bytes: [UInt8] {
        let payload = payload
        var head: [UInt8] = []
        head.reserveCapacity(Self.headLength + payload.count)
        head.append(littleEndian: UInt32(Self.headLength + payload.count))
        head += [kindByte, 0, 0, 0]
        head.append(littleEndian: UInt64(bitPattern: first))
        head.append(littleEndian: UInt64(bitPattern: end))
        head.append(littleEndian: CRC32C.checksum(head + payload))
        return head + payload
    }

    private var kindByte: UInt8 {
        switch kind {
        case .extent: 1
        case .frontier: 2
        case .sealed: 3
        case .ended: 4
        case .inline: 5
        }
    }

    private var payload: [UInt8] {
        switch kind {
        case .extent(let completesAlone): completesAlone ? [1] : []
        case .frontier(let midstate): midstate
        case .sealed(let sha256): sha256
        case .ended(let reason): [reason.rawValue]
        case .inline(let bytes): bytes
        }
    }

    /// The record at `offset` and where the next begins; nil where the bytes there are no whole, true record.
    package static func read(_ bytes: [UInt8], at offset: Int) -> (record: JournalRecord, next: Int)? {
        guard bytes.count - offset >= headLength else { return nil }
        let length = Int(bytes.littleEndian(at: offset, as: UInt32.self))
        guard (headLength...headLength + longestPayload).contains(length), bytes.count - offset >= length else {
            return nil
        }
        let payload = Array(bytes[offset + headLength..<offset + length])
        let checked = Array(bytes[offset..<offset + 24]) + payload
        guard bytes.littleEndian(at: offset + 24, as: UInt32.self) == CRC32C.checksum(checked) else { return nil }
        let first = Int64(bitPattern: bytes.littleEndian(at: offset + 8, as: UInt64.self))
        let end = Int64(bitPattern: bytes.littleEndian(at: offset + 16, as: UInt64.self))
        guard 0 <= first, first <= end, let kind = kind(bytes[offset + 4], payload) else { return nil }
        if case .inline(let bytes) = kind, Int64(bytes.count) != end - first { return nil }
        return (JournalRecord(kind, first..<end), offset + length)
    }

    private static func kind(_ byte: UInt8, _ payload: [UInt8]) -> Kind? {
        switch byte {
        case 1: .extent(completesAlone: payload == [1])
        case 2: .frontier(midstate: payload)
        case 3: payload.count == 32 ? .sealed(sha256: payload) : nil
        case 5: .inline(bytes: payload)
        case 4: payload.first.flatMap(UploadMachine.Reason.init(rawValue:)).map(Kind.ended)
        default: nil
        }
    }
}

extension [UInt8] {
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        for index in 0..<T.bitWidth / 8 { append(UInt8(truncatingIfNeeded: value >> T(index * 8))) }
    }

    func littleEndian<T: FixedWidthInteger>(at offset: Int, as _: T.Type) -> T {
        (0..<T.bitWidth / 8).reduce(T(0)) { $0 | T(truncatingIfNeeded: self[offset + $1]) << T($1 * 8) }
    }
}
