import CZlib

/// The antivirus industry's test file, in the wrappings that the canaries need. Harmless; every engine is made to find it.
enum EICAR {
    /// Kept reversed, so that no scanner takes this program itself for infected.
    static let bytes: [UInt8] = Array(
        #"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\4[PA@%P!O5X"#.utf8.reversed())

    /// A signature row that finds it at any offset of any file, beside whatever database is loaded.
    static let row: String = {
        let digits = Array("0123456789abcdef")
        let hex = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return "Eicar-Test-Signature:0:*:" + String(hex) + "\n"
    }()

    /// An MP3 whose ID3 tag holds it, as stock libclamav calls clean.
    static let inTaggedMP3: [UInt8] = {
        let text = bytes + [UInt8](repeating: 0x20, count: 256 - bytes.count)
        let content = [0, 0x78, 0] + text
        let frame = Array("TXXX".utf8) + [0, 0, UInt8(content.count >> 8), UInt8(content.count & 255), 0, 0] + content
        let tag = Array("ID3".utf8) + [3, 0, 0, 0, 0, UInt8(frame.count >> 7), UInt8(frame.count & 127)] + frame
        // 128 kbit/s at 44.1 kHz: frames of 417 bytes.
        let silence = [0xff, 0xfb, 0x90, 0x64] + [UInt8](repeating: 0, count: 413)
        return tag + Array(repeatElement(silence, count: 8).joined())
    }()

    /// After `magic` and some filling, for every type whose files stock libclamav leaves unread.
    static func behind(_ magic: [UInt8]) -> [UInt8] {
        magic + [UInt8](repeating: 0x41, count: 512) + bytes + [UInt8](repeating: 0x42, count: 512)
    }

    /// A ZIP of one deflated entry; finding it means that unpacking works, temporary folder and all. Nil if zlib fails.
    static let inDeflatedZIP: [UInt8]? = {
        guard let packed = deflated(bytes) else { return nil }
        let checksum = bytes.withUnsafeBufferPointer { UInt32(crc32(0, $0.baseAddress, UInt32($0.count))) }
        func little(_ value: UInt32, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        let name = Array("canary.com".utf8)
        let shared =
            little(20, 2) + little(0, 2) + little(8, 2) + little(0, 2) + little(0x21, 2) + little(checksum, 4)
            + little(UInt32(packed.count), 4) + little(UInt32(bytes.count), 4) + little(UInt32(name.count), 2)
            + little(0, 2)
        let local = little(0x0403_4b50, 4) + shared + name + packed
        let central =
            little(0x0201_4b50, 4) + little(20, 2) + shared + little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4)
            + little(0, 4) + name
        let end =
            little(0x0605_4b50, 4) + little(0, 4) + little(1, 2) + little(1, 2) + little(UInt32(central.count), 4)
            + little(UInt32(local.count), 4) + little(0, 2)
        return local + central + end
    }()

    private static func deflated(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        guard deflateInit2_(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
            return nil
        }
        defer { deflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: 512)
        let written = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target -> Int? in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                return deflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : nil
            }
        }
        return written.map { Array(output[..<$0]) }
    }
}
