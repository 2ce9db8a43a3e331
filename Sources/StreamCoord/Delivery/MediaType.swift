/// What delivery hands out, by the ending of its name, and how it may be kept.
struct MediaType: Sendable, Equatable {
    let contentType: String
    /// Text that is worth compressing.
    let isText: Bool

    /// Nil for names that nothing of ours has.
    init?(of name: some StringProtocol) {
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return nil }
        switch name[name.index(after: dot)...] {
        case "m3u8": self.init("application/vnd.apple.mpegurl", isText: true)
        case "m4s", "mp4": self.init("audio/mp4", isText: false)
        case "mpd": self.init("application/dash+xml", isText: true)
        case "json": self.init("application/json", isText: true)
        case "jpg": self.init("image/jpeg", isText: false)
        default: return nil
        }
    }

    private init(_ contentType: String, isText: Bool) {
        self.contentType = contentType
        self.isText = isText
    }
}
