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

    package static let highestRate = 768_000
    /// ffmpeg knows how to mix no more than these down to stereo.
    package static let mostChannels = 8
    private static let longestDuration = 1e9
    private static let mostTags = 64

    /// Reads `ffprobe -of json`. ffprobe has parsed hostile bytes, so no number of it is used before it is checked. Throws
    /// where there is no audio stream with a usable rate and channels.
    init(probe: JSON, format: AudioFormat) throws(TranscodeFailure) {
        let streams = probe["streams"]?.array ?? []
        guard let audio = streams.first(where: { $0["codec_type"]?.string == "audio" }),
            let codec = audio["codec_name"]?.string, let rate = audio["sample_rate"]?.string.flatMap({ Int($0) }),
            let channels = audio["channels"]?.integer, rate > 0, channels > 0
        else { throw .noAudio }
        guard rate <= Self.highestRate else {
            throw TranscodeFailure(
                .unsupported, "The sample rate is \(rate) Hz; the limit is \(Self.highestRate) Hz. Resample the file.")
        }
        guard channels <= Self.mostChannels else {
            throw TranscodeFailure(
                .unsupported,
                "The file has \(channels) channels; the limit is \(Self.mostChannels). Export it in stereo.")
        }
        self.codec = codec
        self.rate = rate
        self.channels = Int(channels)
        bits = [audio["bits_per_raw_sample"], audio["bits_per_sample"]].lazy.compactMap(Self.number)
            .first { (1...64).contains($0) }.map { Int($0) }
        let whole = probe["format"]
        bitrate = [whole?["bit_rate"], audio["bit_rate"]].lazy.compactMap(Self.number)
            .first { (1...Int64(Int32.max)).contains($0) }.map { Int($0) }
        duration = [whole?["duration"], audio["duration"]].lazy.compactMap { $0?.string.flatMap { Double($0) } }
            .first { $0 >= 0 && $0 < Self.longestDuration }
        let isExact = [.flac, .wav, .aiff].contains(format) && audio["time_base"]?.string == "1/\(rate)"
        let mostSamples = Int64(Self.longestDuration) * Int64(Self.highestRate)
        samples =
            isExact ? Self.number(audio["duration_ts"]).flatMap { (0...mostSamples).contains($0) ? $0 : nil } : nil
        tags = Self.tags(whole?["tags"], audio["tags"])
        hasCover = streams.contains { $0["disposition"]?["attached_pic"]?.integer == 1 }
    }

    /// ffprobe writes some numbers as texts.
    private static func number(_ json: JSON?) -> Int64? { json?.integer ?? json?.string.flatMap { Int64($0) } }

    /// In lower case, as ffmpeg's own tools compare them; bounded, for they come from strangers. Each name once: a container
    /// and its stream often name the same tag, and the container's value counts.
    private static func tags(_ lists: JSON?...) -> [(String, String)] {
        var names: Set<String> = []
        let all = lists.flatMap { ($0?.members ?? []).prefix(mostTags) }
        return all.compactMap { name, value in
            let name = name.lowercased()
            guard let text = value.string, names.insert(name).inserted else { return nil }
            return (name, String(text.prefix(1024)))
        }
    }
}

extension TranscodeFailure {
    static let noAudio = TranscodeFailure(.corrupt, "The file holds no audio that can be read.")
}
