import Core
import Platform

/// The length field of a WAV or CAF that was streamed: its writer did not know the length and left a placeholder. ffmpeg
/// takes it for a promise that the file breaks, so the real length is filled in on the way to ffmpeg.
struct OpenEnd: Sendable, Equatable {
    let offset: Int64
    let bytes: [UInt8]

    /// Nil where the header names a length, and while the file still grows.
    static func find(in source: MediaSource) throws(Errno) -> OpenEnd? {
        guard source.frontier.isSealed else { return nil }
        let head = Head(file: source.file, end: source.frontier.durable)
        switch source.format {
        case .wav: return try wav(head)
        case .caf: return try caf(head)
        default: return nil
        }
    }

    /// Puts the field into what was read at `start`.
    func fill(_ piece: inout [UInt8], readAt start: Int64) {
        for (index, byte) in bytes.enumerated() {
            let at = offset + Int64(index) - start
            if at >= 0, at < piece.count { piece[Int(at)] = byte }
        }
    }

    // MARK: WAV

    /// RIFF and RF64 (EBU Tech 3306): chunks of a name and a little-endian size. RF64 keeps the size of `data` in `ds64`.
    private static func wav(_ head: Head) throws(Errno) -> OpenEnd? {
        var (at, frame, large): (Int64, UInt64, (offset: Int64, size: UInt64)?) = (12, 1, nil)
        for _ in 0..<Head.mostChunks {
            guard let name = try head.name(at: at), let size = try head.number(4, at: at + 4, isLittle: true) else {
                return nil
            }
            switch name {
            case "fmt ": frame = max(1, try head.number(2, at: at + 20, isLittle: true) ?? 1)
            case "ds64": large = try head.number(8, at: at + 16, isLittle: true).map { (at + 16, $0) }
            case "data":
                let length = (UInt64(head.end - at - 8) / frame) * frame
                if let large, size == UInt64(UInt32.max) {
                    // ffmpeg leaves zeros, others a placeholder. The sample count behind it is as wrong, and is left open.
                    let placeholders = [0, UInt64(UInt32.max)]
                    guard large.size >= 0xFFFF_FFFF_FFFF_FF00 || placeholders.contains(large.size) else { return nil }
                    return OpenEnd(offset: large.offset, bytes: field(length, width: 8) + field(0, width: 8))
                }
                guard isPlaceholder(size), length < UInt64(UInt32.max) else { return nil }
                return OpenEnd(offset: at + 4, bytes: field(length, width: 4))
            default: break
            }
            at += 8 + Int64(size) + Int64(size & 1)
        }
        return nil
    }

    /// ffmpeg writes 0xFFFFFFFF, others a little less; SoX writes 0x7FFFF000.
    private static func isPlaceholder(_ size: UInt64) -> Bool {
        size >= 0xFFFF_FF00 || (0x7FFF_F000...0x8000_0000).contains(size)
    }

    private static func field(_ value: UInt64, width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    // MARK: CAF

    /// Apple's specification, "Audio Data Chunk": a size of -1 says that the chunk goes on to the end of the file.
    private static func caf(_ head: Head) throws(Errno) -> OpenEnd? {
        var (at, packet): (Int64, UInt64) = (8, 1)
        for _ in 0..<Head.mostChunks {
            guard let name = try head.name(at: at), let raw = try head.number(8, at: at + 4, isLittle: false) else {
                return nil
            }
            if name == "desc" { packet = max(1, try head.number(4, at: at + 28, isLittle: false) ?? 1) }
            if name == "data" {
                // Four bytes count the edits.
                guard raw == UInt64.max, head.end >= at + 16 else { return nil }
                let length = 4 + (UInt64(head.end - at - 16) / packet) * packet
                return OpenEnd(offset: at + 4, bytes: field(length, width: 8).reversed())
            }
            guard let size = Int64(exactly: raw), size <= head.end - at else { return nil }
            at += 12 + size
        }
        return nil
    }

    /// The chunks' heads of a file, read one at a time.
    private struct Head {
        static let mostChunks = 64
        let file: SharedDescriptor
        let end: Int64

        func name(at offset: Int64) throws(Errno) -> String? {
            guard offset >= 0, offset <= end - 4 else { return nil }
            let bytes = try file.descriptor.read(upTo: 4, at: offset)
            return bytes.count == 4 ? String(decoding: bytes, as: UTF8.self) : nil
        }

        func number(_ width: Int, at offset: Int64, isLittle: Bool) throws(Errno) -> UInt64? {
            guard offset >= 0, offset <= end - Int64(width) else { return nil }
            let bytes = try file.descriptor.read(upTo: width, at: offset)
            guard bytes.count == width else { return nil }
            return (isLittle ? bytes.reversed() : bytes).reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
