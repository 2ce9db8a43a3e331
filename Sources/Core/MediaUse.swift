/// What a file of the media API is for; the last but one part of its address.
package enum MediaUse: String, Sendable, CaseIterable {
    case character, word
    case wordExample = "word_example"
    case lessonAudio = "lesson_audio"
    case lessonVideo = "lesson_video"
    case lessonDoc = "lesson_doc"
    case avatar

    package var kind: MediaKind {
        switch self {
        case .character, .word, .wordExample, .lessonAudio: .audio
        case .lessonVideo: .video
        case .lessonDoc: .doc
        case .avatar: .image
        }
    }

    /// Read without a key, by anybody.
    package var isPublic: Bool { self == .character }
}

/// What a file is in the large: each kind has a limit and formats of its own.
package enum MediaKind: String, Sendable, CaseIterable {
    case audio, image, video, doc

    package var formats: [MediaFormat] {
        switch self {
        case .audio: AudioFormat.allCases.map { MediaFormat.audio($0) }
        case .image: [.jpg, .png, .webp, .gif]
        case .video: [.mp4, .webm]
        case .doc: [.pdf]
        }
    }

    /// The setting that moves its limit.
    package var setting: String { "SLUICE_MAX_UPLOAD_\(rawValue.uppercased())_MB" }
}

/// The formats of the media API. `mp4` and `webm` are films here; the same containers with sound alone are `audio`.
package enum MediaFormat: Sendable, Hashable {
    case audio(AudioFormat)
    case jpg, png, webp, gif
    case mp4, webm
    case pdf

    /// Of file names.
    package var name: String {
        switch self {
        case .audio(let format): format.rawValue
        case .jpg: "jpg"
        case .png: "png"
        case .webp: "webp"
        case .gif: "gif"
        case .mp4: "mp4"
        case .webm: "webm"
        case .pdf: "pdf"
        }
    }

    package var contentType: String {
        switch self {
        case .audio(let format): format.contentType
        case .jpg: "image/jpeg"
        case .png: "image/png"
        case .webp: "image/webp"
        case .gif: "image/gif"
        case .mp4: "video/mp4"
        case .webm: "video/webm"
        case .pdf: "application/pdf"
        }
    }

    /// What a file name promises; nil for what is no format of that kind.
    package init?(fileExtension: String, of kind: MediaKind) {
        if kind == .audio {
            guard let format = AudioFormat(fileExtension: fileExtension) else { return nil }
            self = .audio(format)
            return
        }
        let name = fileExtension.lowercased()
        guard let format = kind.formats.first(where: { $0.name == name || $0 == .jpg && name == "jpeg" }) else {
            return nil
        }
        self = format
    }

    /// One to the sniffer's eye.
    package func isAlike(_ other: MediaFormat) -> Bool {
        if case (.audio(let mine), .audio(let theirs)) = (self, other) { return mine.isAlike(theirs) }
        return self == other
    }
}
