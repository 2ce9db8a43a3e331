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
        let parts = filename.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last, !last.isEmpty else {
            media = (kind, nil)
            return
        }
        guard let format = MediaFormat(fileExtension: String(last), of: kind) else {
            let taken = kind.formats.map(\.name).joined(separator: ", ")
            throw IngestFailure(.unsupported, "The file name ends in .\(last.prefix(20)); taken are \(taken).")
        }
        media = (kind, format)
    }

    /// A name's extension says more than a type, which some clients guess. Refused at once where either names what
    /// nobody takes.
    package init(filename: String, contentType: String?) throws(IngestFailure) {
        media = nil
        let parts = filename.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count > 1, let last = parts.last, !last.isEmpty {
            guard let format = AudioFormat(fileExtension: String(last)) else {
                throw IngestFailure(
                    .unsupported, "The file name ends in .\(last.prefix(20)); taken are \(Self.list).")
            }
            self.format = format
            return
        }
        let type = contentType?.prefix { $0 != ";" }.lowercased().filter { $0 != " " } ?? ""
        if let format = AudioFormat(contentType: type) {
            self.format = format
        } else if ["text/", "image/", "audio/", "video/"].contains(where: type.hasPrefix) || type == "application/pdf" {
            throw IngestFailure(.unsupported, "The content type is \(type.prefix(60)); taken are \(Self.list).")
        } else {
            format = nil
        }
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
