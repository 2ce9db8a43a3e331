package import Core

/// What a source is, as ffprobe says it.
package struct MediaInfo: Sendable, Equatable {
    package var codec: String
    package var rate: Int
    package var channels: Int
    package var bits: Int?
    package var bitrate: Int?
    /// Seconds; nil where the container does not say.
    package var duration: Double?
    /// Where the container promises an exact count, decoding must give just that.
    package var samples: Int64?
    package var tags: [(String, String)]
    package var hasCover: Bool

    package var isLossless: Bool {
        codec.hasPrefix("pcm_") || ["flac", "alac", "wavpack", "ape", "tta", "truehd", "mlp"].contains(codec)
    }

    package static func == (a: Self, b: Self) -> Bool { a.json == b.json }

    package var json: JSON {
        .object([
            ("duration", .optional(duration)), ("codec", .string(codec)), ("rate", .integer(Int64(rate))),
            ("channels", .integer(Int64(channels))), ("bits", .optional(bits.map(Int64.init))),
            ("bitrate", .optional(bitrate.map(Int64.init))), ("tags", .object(tags.map { ($0.0, .string($0.1)) })),
            ("cover", .bool(hasCover)),
        ])
    }

    /// Reads `ffprobe -of json`. Nil where there is no audio stream with a rate and channels.
    init?(probe: JSON, format: AudioFormat) {
        let streams = probe["streams"]?.array ?? []
        guard let audio = streams.first(where: { $0["codec_type"]?.string == "audio" }),
            let codec = audio["codec_name"]?.string, let rate = audio["sample_rate"]?.string.flatMap({ Int($0) }),
            let channels = audio["channels"]?.integer, rate > 0, (1...64).contains(channels)
        else { return nil }
        self.codec = codec
        self.rate = rate
        self.channels = Int(channels)
        let raw = audio["bits_per_raw_sample"]?.string.flatMap { Int($0) } ?? 0
        let stored = audio["bits_per_sample"]?.integer.map { Int($0) } ?? 0
        bits = raw > 0 ? raw : stored > 0 ? stored : nil
        let whole = probe["format"]
        bitrate = (whole?["bit_rate"]?.string ?? audio["bit_rate"]?.string).flatMap { Int($0) }
        duration = (whole?["duration"]?.string ?? audio["duration"]?.string).flatMap { Double($0) }
        let isExact = [.flac, .wav, .aiff].contains(format) && audio["time_base"]?.string == "1/\(rate)"
        samples = isExact ? audio["duration_ts"]?.integer : nil
        tags = Self.tags(whole?["tags"]) + Self.tags(audio["tags"])
        hasCover = streams.contains { $0["disposition"]?["attached_pic"]?.integer == 1 }
    }

    /// Lower case, as ffmpeg's own tools compare them; bounded, for they come from strangers.
    private static func tags(_ json: JSON?) -> [(String, String)] {
        (json?.members ?? []).prefix(64).compactMap { name, value in
            value.string.map { (name.lowercased(), String($0.prefix(1024))) }
        }
    }
}
