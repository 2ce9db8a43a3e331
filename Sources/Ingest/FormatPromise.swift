package import Core

/// What a file's name and declared type promise of its bytes, and whether the bytes keep it.
package struct FormatPromise: Sendable {
    /// From so many contiguous bytes on (or at the end of a shorter file) a verdict on the head is given.
    package static let enough: Int64 = 512

    /// Nil: nothing was promised, and the bytes are judged when all are there.
    package let format: AudioFormat?

    /// Of a file of the media API: its bytes are of this kind whatever was promised, and of the name's format.
    private let media: (kind: MediaKind, format: MediaFormat?)?

    package static let none = FormatPromise()
    private init() { (format, media) = (nil, nil) }

    /// A name without an ending promises the kind alone.
    package init(filename: String, mediaOf kind: MediaKind) throws(IngestFailure) {
        format = nil
        guard let ending = Self.fileExtension(of: filename) else {
            media = (kind, nil)
            return
        }
        guard let format = MediaFormat(fileExtension: ending, of: kind) else {
            let formats = kind.formats.map(\.name).joined(separator: ", ")
            throw IngestFailure(
                .unsupported, "The file name ends in .\(ending.prefix(20)). Supported formats: \(formats).")
        }
        media = (kind, format)
    }

    /// The name's extension wins over the type, because some clients guess the type. An ending or type that is not one of
    /// ours promises nothing.
    package init(filename: String, contentType: String?) {
        media = nil
        format =
            Self.fileExtension(of: filename).flatMap { AudioFormat(fileExtension: $0) }
            ?? contentType.flatMap { AudioFormat(contentType: $0) }
    }

    /// Rejects a name or a type that is known to be of no audio. Only `/v1/uploads` asks this: `/files` judges by bytes.
    package static func mustNotBeForeign(filename: String, contentType: String?) throws(IngestFailure) {
        if let ending = fileExtension(of: filename), let foreign = ForeignFormat(fileExtension: ending) {
            throw IngestFailure(
                .unsupported,
                "The file name ends in .\(ending) (\(foreign.rawValue)). Supported formats: \(list).")
        }
        if let contentType, let foreign = ForeignFormat(contentType: contentType) {
            throw IngestFailure(
                .unsupported,
                "The content type is \(contentType.prefix(60)) (\(foreign.rawValue)). Supported formats: \(list).")
        }
    }

    private static func fileExtension(of filename: String) -> String? {
        let parts = filename.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last, !last.isEmpty else { return nil }
        return String(last)
    }

    /// Throws where `head`, the first bytes, is of another kind than was promised.
    package func judge(_ head: [UInt8]) throws(IngestFailure) {
        if let media { return try Self.judge(head, as: media.kind, named: media.format) }
        guard let format else { return }
        guard let found = Sniff.format(of: head) else {
            throw IngestFailure(
                .unsupported,
                "The file is named as \(format.rawValue), but its bytes are \(Sniff.description(of: head)).")
        }
        guard found.isAlike(format) || Self.isOftenTaken(found, for: format) else {
            throw IngestFailure(
                .unsupported, "The file is named as \(format.rawValue), but its bytes are \(found.rawValue).")
        }
    }

    private static func judge(_ head: [UInt8], as kind: MediaKind, named format: MediaFormat?) throws(IngestFailure) {
        let wanted = format?.name ?? kind.rawValue
        guard let found = Sniff.media(kind, of: head) else {
            throw IngestFailure(
                .unsupported, "The bytes are \(Sniff.description(of: head)), expected \(wanted).")
        }
        guard format.map(found.isAlike) ?? true else {
            throw IngestFailure(.unsupported, "The file is named as \(wanted), but its bytes are \(found.name).")
        }
    }

    /// An `.aac` file of a phone is as often an MP4.
    private static func isOftenTaken(_ found: AudioFormat, for format: AudioFormat) -> Bool {
        format == .aac && found.isAlike(.m4a)
    }

    private static var list: String { AudioFormat.allCases.map(\.rawValue).joined(separator: ", ") }
}
