package import Core

/// What a file's name and declared type promise of its bytes, and whether the bytes keep it.
package struct FormatPromise: Equatable, Sendable {
    /// From so many contiguous bytes on (or at the end of a shorter file) a verdict on the head is given.
    package static let enough: Int64 = 512

    /// Nil: nothing was promised, and the bytes are judged when all are there.
    package let format: AudioFormat?

    package static let none = FormatPromise()
    private init() { format = nil }

    /// A name's extension says more than a type, which some clients guess. Refused at once where either names what
    /// nobody takes.
    package init(filename: String, contentType: String?) throws(IngestFailure) {
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

    /// An `.aac` file of a phone is as often an MP4.
    private static func isOftenTaken(_ found: AudioFormat, for format: AudioFormat) -> Bool {
        format == .aac && found.isAlike(.m4a)
    }

    private static var list: String { AudioFormat.allCases.map(\.rawValue).joined(separator: ", ") }
}
