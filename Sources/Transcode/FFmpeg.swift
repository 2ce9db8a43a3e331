import Core
package import Platform

/// The programs that decode and encode, and the jail they run in.
package struct FFmpeg: Sendable {
    package let ffmpeg: String
    package let ffprobe: String
    package let jail: Jail
    /// Of one process; a decoder that wants more is dealing with something hostile.
    package static let memory: Int64 = 2 << 30

    package init(ffmpeg: String, ffprobe: String, jail: Jail) {
        self.ffmpeg = ffmpeg
        self.ffprobe = ffprobe
        self.jail = jail
    }

    // MARK: Commands

    func probe(_ format: AudioFormat, input: SourceInput) -> ProcessSpec {
        command(
            ffprobe,
            ["-v", "error", "-threads", "1"] + input.options(format) + [
                "-i", input.name, "-show_entries",
                "format=duration,bit_rate:format_tags:stream=codec_type,codec_name,sample_rate,channels,bits_per_raw_sample,"
                    + "bits_per_sample,sample_fmt,bit_rate,duration,duration_ts,time_base:stream_tags:stream_disposition=attached_pic",
                "-of", "json=compact=1",
            ], input: input, seconds: 60)
    }

    /// `-xerror` and `explode` turn what is broken into an exit that says so; the count of samples has the last word.
    func decode(_ format: AudioFormat, input: SourceInput, seconds: Int) -> ProcessSpec {
        command(
            ffmpeg,
            [
                "-v", "error", "-nostdin", "-xerror", "-err_detect", "crccheck+explode", "-filter_threads", "1",
                "-threads", "1",
            ]
                + input.options(format) + [
                    "-i", input.name, "-map", "0:a:0", "-threads", "1", "-f", "f32le", "pipe:1",
                ],
            input: input, seconds: seconds)
    }

    func encode(_ rendition: Rendition, rate: Int, channels: Int, seconds: Int) -> ProcessSpec {
        command(
            ffmpeg,
            [
                "-v", "error", "-nostdin", "-filter_threads", "1", "-threads", "1", "-f", "f32le", "-ar", "\(rate)",
                "-ac", "\(channels)",
            ]
                + ["-i", "pipe:0", "-threads", "1", "-bitexact", "-map_metadata", "-1"]
                + rendition.options
                + ["-movflags", "+empty_moov+default_base_moof+frag_every_frame+delay_moov+skip_trailer"]
                + ["-flush_packets", "1", "-f", "mp4", "pipe:1"],
            input: .pipe, seconds: seconds)
    }

    private func command(_ program: String, _ arguments: [String], input: SourceInput, seconds: Int) -> ProcessSpec {
        var spec = jail.command(
            read: input.grants, seconds: seconds, memory: Self.memory, nice: 5, program: program, arguments: arguments)
        spec.output = .pipe
        switch input {
        case .pipe: spec.input = .pipe
        case .file(let descriptor): spec.passed = [SourceInput.number: descriptor]
        }
        return spec
    }
}

/// How a program gets the source: most forms stream through a pipe; an MP4 whose index comes last must be a file.
enum SourceInput: Sendable {
    case pipe
    case file(Int32)

    static let number: Int32 = 3

    var name: String {
        switch self {
        case .pipe: "pipe:0"
        case .file: "/proc/self/fd/\(Self.number)"
        }
    }

    var grants: [String] {
        switch self {
        case .pipe: []
        case .file: [name]
        }
    }

    /// A playlist that is named like music would make ffmpeg open other files: only the demuxer of the sniffed form is
    /// allowed, by name and by list, and no protocol but the one that is used.
    func options(_ format: AudioFormat) -> [String] {
        let protocols =
            switch self {
            case .pipe: "pipe"
            case .file: "file"
            }
        return ["-protocol_whitelist", protocols, "-format_whitelist", format.demuxer, "-f", format.demuxer]
    }
}

extension AudioFormat {
    /// ffmpeg's name for what reads it.
    var demuxer: String {
        switch self {
        case .mp3: "mp3"
        case .wav: "wav"
        case .flac: "flac"
        case .ogg, .opus: "ogg"
        case .m4a, .mp4: "mov"
        case .aac: "aac"
        case .aiff: "aiff"
        case .caf: "caf"
        case .mka, .webm: "matroska"
        }
    }

    var needsFile: Bool { self == .m4a || self == .mp4 }
}
