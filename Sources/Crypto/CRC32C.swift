internal import CCrypto

/// The Castagnoli checksum (RFC 3720 §12.1) of journal records and of `crc32c` upload checksums: by the processor's own
/// instruction where it has one, else by eight tables, eight bytes a step.
package enum CRC32C {
    package static func checksum(_ bytes: [UInt8]) -> UInt32 { extend(0, with: bytes.span) }
    package static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 { extend(0, with: bytes.span) }

    /// The checksum of what `checksum` covers followed by `bytes`.
    package static func extend(_ checksum: UInt32, with bytes: ArraySlice<UInt8>) -> UInt32 {
        extend(checksum, with: bytes.span)
    }

    package static func extend(_ checksum: UInt32, with bytes: Span<UInt8>) -> UInt32 {
        guard hasInstruction else { return extendByTables(checksum, with: bytes) }
        return bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return checksum }
            return ~sluice_crc32c(~checksum, start, buffer.count)
        }
    }

    private static let hasInstruction = sluice_has_crc32c() != 0

    /// What machines without the instruction run, and what tests hold the instruction against.
    package static func extendByTables(_ checksum: UInt32, with bytes: Span<UInt8>) -> UInt32 {
        var crc = ~checksum
        tables.withUnsafeBufferPointer { tables in
            var at = 0
            while at + 8 <= bytes.count {
                // The state covers the first four bytes; each table carries its byte's effect over those that follow.
                let first = crc
                crc = 0
                for index in 0..<8 {
                    let state: UInt32 = index < 4 ? first >> UInt32(8 * index) & 255 : 0
                    crc ^= tables[(7 - index) << 8 | Int(UInt32(bytes[at + index]) ^ state)]
                }
                at += 8
            }
            while at < bytes.count {
                crc = tables[Int((crc ^ UInt32(bytes[at])) & 255)] ^ (crc >> 8)
                at += 1
            }
        }
        return ~crc
    }

    /// Eight tables of 256, one after the other.
    private static let tables: [UInt32] = {
        var tables: [UInt32] = (0..<256).map { (index: Int) -> UInt32 in
            (0..<8).reduce(UInt32(index)) { (crc: UInt32, _: Int) -> UInt32 in
                crc & 1 == 1 ? 0x82F6_3B78 ^ (crc >> 1) : crc >> 1
            }
        }
        for index in 256..<2048 {
            let before = tables[index - 256]
            tables.append(tables[Int(before & 255)] ^ (before >> 8))
        }
        return tables
    }()
}
