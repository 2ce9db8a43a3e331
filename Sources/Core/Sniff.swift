/// What the first bytes are, by magic alone. No library: hostile bytes are met here before anything proved them clean.
package enum Sniff {
    /// As many bytes as a verdict can need, ID3 tags apart.
    package static let length = 4096

    /// Nil for what is none of our formats.
    package static func format(of head: [UInt8]) -> AudioFormat? {
        if head.starts(with: "fLaC".utf8) { return .flac }
        if head.starts(with: "RIFF".utf8) || head.starts(with: "RF64".utf8) {
            return has("WAVE", at: 8, in: head) ? .wav : nil
        }
        if head.starts(with: "FORM".utf8) {
            return has("AIFF", at: 8, in: head) || has("AIFC", at: 8, in: head) ? .aiff : nil
        }
        if head.starts(with: "OggS".utf8) { return ogg(head) }
        if head.starts(with: "caff".utf8) { return .caf }
        if head.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) { return matroska(head) }
        if has("ftyp", at: 4, in: head) {
            return has("M4A ", at: 8, in: head) || has("M4B ", at: 8, in: head) ? .m4a : .mp4
        }
        if head.starts(with: "ID3".utf8) { return tagged(head) }
        return frames(head, at: 0)
    }

    /// What else it may be, for the sentence that refuses it.
    package static func description(of head: [UInt8]) -> String {
        if head.isEmpty { return "empty" }
        if head.starts(with: "%PDF".utf8) { return "a PDF" }
        if head.starts(with: [0x89, 0x50, 0x4E, 0x47]) || head.starts(with: [0xFF, 0xD8, 0xFF])
            || head.starts(with: "GIF8".utf8)
        {
            return "an image"
        }
        if head.starts(with: "PK".utf8) { return "a ZIP archive" }
        if head.starts(with: [0x7F, 0x45, 0x4C, 0x46]) || head.starts(with: "MZ".utf8) { return "a program" }
        let printable = head.count { $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 || $0 >= 0xC0 }
        return printable * 100 >= head.count * 95 ? "text" : "of an unknown kind"
    }

    private static func has(_ text: String, at offset: Int, in head: [UInt8]) -> Bool {
        head.dropFirst(offset).starts(with: text.utf8)
    }

    private static func ogg(_ head: [UInt8]) -> AudioFormat {
        has("OpusHead", at: 28, in: head) ? .opus : .ogg
    }

    /// EBML's DocType stands in the first few dozen bytes.
    private static func matroska(_ head: [UInt8]) -> AudioFormat {
        let start = String(decoding: head.prefix(64).map { $0 < 0x80 ? $0 : 0x2E }, as: UTF8.self)
        return start.contains("webm") ? .webm : .mka
    }

    /// ID3v2 §3.1: four bytes of seven bits hold the tag's size; what follows the tag decides. A tag longer than what is
    /// here is taken for an MP3's: nothing else of ours carries one.
    private static func tagged(_ head: [UInt8]) -> AudioFormat? {
        guard head.count >= 10, head[6..<10].allSatisfy({ $0 < 0x80 }) else { return nil }
        let size = head[6..<10].reduce(0) { $0 << 7 | Int($1) } + 10 + (head[5] & 0x10 != 0 ? 10 : 0)
        guard size + 4 <= head.count else { return .mp3 }
        if has("fLaC", at: size, in: head) { return .flac }
        var start = size
        while start < head.count, head[start] == 0 { start += 1 }  // padding after the tag is common
        return start + 4 > head.count ? .mp3 : frames(head, at: start)
    }

    /// Two frames in a row, where the second lies within the bytes: one sync word alone is in every noise.
    private static func frames(_ head: [UInt8], at start: Int) -> AudioFormat? {
        guard let first = MPEGFrame(head, at: start) else { return nil }
        let next = start + first.length
        guard next + 6 <= head.count else { return first.format }
        return MPEGFrame(head, at: next)?.format == first.format ? first.format : nil
    }
}

/// The head of one frame of MPEG audio (layer III and its siblings) or of AAC in ADTS.
package struct MPEGFrame: Sendable {
    package let format: AudioFormat
    package let length: Int

    package init?(_ bytes: [UInt8], at offset: Int) {
        guard offset + 6 <= bytes.count, bytes[offset] == 0xFF, bytes[offset + 1] & 0xE0 == 0xE0 else { return nil }
        let second = bytes[offset + 1]
        if second & 0xF6 == 0xF0 {  // ADTS: layer bits are 00
            let length = Int(bytes[offset + 3] & 3) << 11 | Int(bytes[offset + 4]) << 3 | Int(bytes[offset + 5]) >> 5
            guard length > 7, bytes[offset + 2] >> 2 & 15 < 13 else { return nil }
            (format, self.length) = (.aac, length)
            return
        }
        let (version, layer) = (Int(second >> 3 & 3), Int(second >> 1 & 3))
        let (rateIndex, bitIndex) = (Int(bytes[offset + 2] >> 2 & 3), Int(bytes[offset + 2] >> 4))
        guard version != 1, layer == 1 || layer == 2, rateIndex != 3, bitIndex != 0, bitIndex != 15 else { return nil }
        let rate = [44_100, 48_000, 32_000][rateIndex] >> (version == 3 ? 0 : version == 2 ? 1 : 2)
        let kilobits = Self.kilobits(isFirst: version == 3, layer: layer)[bitIndex]
        let samples = layer == 1 && version != 3 ? 576 : 1152
        format = .mp3
        length = samples / 8 * kilobits * 1000 / rate + Int(bytes[offset + 2] >> 1 & 1)
    }

    private static func kilobits(isFirst: Bool, layer: Int) -> [Int] {
        switch (isFirst, layer) {
        case (true, 1): [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
        case (true, _): [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384]
        case (false, _): [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
        }
    }
}
