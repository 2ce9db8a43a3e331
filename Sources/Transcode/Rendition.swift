import Core

/// One encoding of a track: a codec at a rate. Its name is a folder of the generation.
package struct Rendition: Sendable, Hashable {
    package enum Codec: Sendable, Hashable {
        /// Kilobits a second.
        case aac(Int)
        case flac(bits: Int)
    }

    package let name: String
    package let codec: Codec
    /// Hertz of what is written.
    package let rate: Int
    package let channels: Int

    var frameLength: Int {
        switch codec {
        case .aac: 1024
        case .flac: rate > 48_000 ? 6144 : 3072
        }
    }

    /// Frames of a segment of about 6 s. Three AAC frames are one FLAC frame, so counting AAC in threes lets every codec
    /// share its boundaries: 258 at 44.1 kHz, 282 at 48 kHz.
    package var grid: Int {
        let blocks = max(1, Int((6.0 * Double(rate) / Double(blockLength)).rounded(.toNearestOrEven)))
        return blocks * (blockLength / frameLength)
    }

    private var blockLength: Int { rate > 48_000 ? 6144 : 3072 }

    package var isLossless: Bool { if case .flac = codec { true } else { false } }

    /// RFC 6381.
    package var codecString: String {
        switch codec {
        case .aac: "mp4a.40.2"
        case .flac: "fLaC"
        }
    }

    var options: [String] {
        switch codec {
        case .aac(let kilobits):
            // Measured: at 256 kbit/s this is at least as good for 45 % less work; below, the default coder is better.
            ["-ar", "\(rate)", "-ac", "\(channels)", "-c:a", "aac", "-b:a", "\(kilobits)k"]
                + (kilobits >= 256 && channels == 2 ? ["-aac_coder", "fast", "-aac_is", "0", "-cutoff", "18000"] : [])
        case .flac(let bits):
            ["-c:a", "flac", "-strict", "-2", "-frame_size", "\(frameLength)"]
                + (bits <= 16 ? ["-sample_fmt", "s16"] : ["-sample_fmt", "s32", "-bits_per_raw_sample", "24"])
        }
    }
}

/// Which renditions a track gets.
package enum Ladder: String, Sendable, CaseIterable {
    /// AAC 64, 128 and 256 and, from lossless sources, FLAC.
    case ladder
    /// Those three alone.
    case aac

    package func renditions(for info: MediaInfo) -> [Rendition] {
        let rate = Self.aacRate(info.rate)
        let channels = min(info.channels, 2)
        // A mono source says in half the bits what stereo needs whole.
        var renditions = [64, 128, 256].map { kilobits in
            Rendition(
                name: "aac\(kilobits)", codec: .aac(channels == 1 ? kilobits / 2 : kilobits), rate: rate,
                channels: channels)
        }
        if self == .ladder, info.isLossless, info.rate <= 192_000, info.channels <= 8 {
            renditions.append(
                Rendition(name: "flac", codec: .flac(bits: info.bits ?? 16), rate: info.rate, channels: info.channels))
        }
        return renditions
    }

    /// The source's own rate where AAC has it and players take it; else what divides it best, never above the source.
    private static func aacRate(_ rate: Int) -> Int {
        switch rate {
        case 8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000: rate
        case 48_001...: rate.isMultiple(of: 44_100) ? 44_100 : 48_000
        default: [44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000].first { $0 <= rate } ?? 8000
        }
    }
}
