/// The Castagnoli checksum (RFC 3720 §12.1) of journal records and of `crc32c` upload checksums: eight tables, eight
/// bytes a step.
package enum CRC32C {
    package static func checksum(_ bytes: [UInt8]) -> UInt32 { extend(0, with: bytes[...]) }
    package static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 { extend(0, with: bytes) }

    /// The checksum of what `checksum` covers followed by `bytes`.
    package static func extend(_ checksum: UInt32, with bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = ~checksum
        bytes.withUnsafeBufferPointer { buffer in
            var at = 0
            while at + 8 <= buffer.count {
                // The state covers the first four bytes; each table carries its byte's effect over those that follow.
                let first = crc
                crc = 0
                for index in 0..<8 {
                    let state: UInt32 = index < 4 ? first >> UInt32(8 * index) & 255 : 0
                    let row = Int(UInt32(buffer[at + index]) ^ state)
                    crc ^= tables[7 - index][row]
                }
                at += 8
            }
            while at < buffer.count {
                let row = Int((crc ^ UInt32(buffer[at])) & 255)
                crc = tables[0][row] ^ (crc >> 8)
                at += 1
            }
        }
        return ~crc
    }

    private static let tables: [[UInt32]] = {
        let first: [UInt32] = (0..<256).map { (index: Int) -> UInt32 in
            (0..<8).reduce(UInt32(index)) { (crc: UInt32, _: Int) -> UInt32 in
                crc & 1 == 1 ? 0x82F6_3B78 ^ (crc >> 1) : crc >> 1
            }
        }
        var tables = [first]
        for _ in 1..<8 {
            tables.append(
                tables[tables.count - 1].map { (crc: UInt32) -> UInt32 in first[Int(crc & 255)] ^ (crc >> 8) })
        }
        return tables
    }()
}
