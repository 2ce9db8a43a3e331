/// The containers that are read here, by what their first bytes say.
package enum AudioFormat: String, Sendable, CaseIterable {
    case mp3, wav, flac, ogg, opus, m4a, aac, aiff, caf, mka, mp4, webm

    /// What a file name or a declared type promises; nil for what is none of ours.
    package init?(fileExtension: String) {
        switch fileExtension.lowercased() {
        case "mp3": self = .mp3
        case "wav", "wave": self = .wav
        case "flac": self = .flac
        case "ogg", "oga": self = .ogg
        case "opus": self = .opus
        case "m4a", "m4b": self = .m4a
        case "aac", "adts": self = .aac
        case "aif", "aiff", "aifc": self = .aiff
        case "caf": self = .caf
        case "mka": self = .mka
        case "mp4": self = .mp4
        case "webm": self = .webm
        default: return nil
        }
    }

    package init?(contentType: String) {
        let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        switch type {
        case "audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/mpeg3": self = .mp3
        case "audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave": self = .wav
        case "audio/flac", "audio/x-flac": self = .flac
        case "audio/ogg", "application/ogg", "audio/vorbis": self = .ogg
        case "audio/opus": self = .opus
        case "audio/m4a", "audio/x-m4a": self = .m4a
        case "audio/aac", "audio/x-aac", "audio/aacp": self = .aac
        case "audio/aiff", "audio/x-aiff": self = .aiff
        case "audio/x-caf": self = .caf
        case "audio/x-matroska": self = .mka
        case "audio/mp4", "video/mp4": self = .mp4
        case "audio/webm", "video/webm": self = .webm
        default: return nil
        }
    }

    package var contentType: String {
        switch self {
        case .mp3: "audio/mpeg"
        case .wav: "audio/wav"
        case .flac: "audio/flac"
        case .ogg: "audio/ogg"
        case .opus: "audio/ogg; codecs=opus"
        case .m4a, .mp4: "audio/mp4"
        case .aac: "audio/aac"
        case .aiff: "audio/aiff"
        case .caf: "audio/x-caf"
        case .mka: "audio/x-matroska"
        case .webm: "audio/webm"
        }
    }

    /// Formats that share a container are one to the sniffer's eye: an `.ogg` may hold Opus, an `.mp4` only sound.
    package func isAlike(_ other: AudioFormat) -> Bool { family == other.family }

    private var family: Int {
        switch self {
        case .mp3, .aac: 0  // both are bare MPEG frames, and an ID3 tag may precede either
        case .wav: 1
        case .flac: 2
        case .ogg, .opus: 3
        case .m4a, .mp4: 4
        case .aiff: 5
        case .caf: 6
        case .mka, .webm: 7
        }
    }
}
