import Core
import Crypto
import HTTPServer

/// The fields of a tus creation, read strictly.
struct TusCreation {
    var stream: NewStream

    init(_ request: Request) throws {
        let fields = request.fields
        let concat = try fields["upload-concat"].map { try TusConcat($0) }
        stream = NewStream(concat == .partial ? .part : .tus)
        stream.notes.concat = fields["upload-concat"]
        if case .final(let parts) = concat {
            stream.notes.parts = parts
            guard !fields.contains("upload-length"), !fields.contains("upload-defer-length") else {
                throw IngestFailure(field: "Upload-Length", value: "given", expected: "none on a final upload")
            }
        } else {
            stream.size = try Self.size(fields)
        }
        guard let field = fields["upload-metadata"] else { return }
        let metadata = try TusMetadata(field)
        stream.notes.metadata = field
        if let name = metadata["filename"], !name.isEmpty {
            guard NewUpload.isFilename(name) else {
                throw IngestFailure(
                    field: "filename", value: name, expected: "a name of 1 to 255 bytes without control characters")
            }
            stream.filename = name
        }
        stream.contentType = metadata["filetype"].flatMap { $0.isEmpty ? nil : $0 }
        if let type = stream.contentType, type.utf8.count > 255 {
            throw IngestFailure(field: "filetype", value: type, expected: "a media type of at most 255 bytes")
        }
        if let text = metadata["sha256"] {
            guard Hex.decode(text.lowercased())?.count == 32 else {
                throw IngestFailure(field: "sha256", value: text, expected: "64 hexadecimal digits")
            }
            stream.sha256 = text.lowercased()
        }
        if let text = metadata["trackId"] {
            guard let track = TrackID(text) else {
                throw IngestFailure(field: "trackId", value: text, expected: "1 to 64 of A-Z a-z 0-9 _ -")
            }
            stream.trackID = track
        }
    }

    /// Exactly one of length and its deferral.
    private static func size(_ fields: Fields) throws(IngestFailure) -> Int64? {
        let deferral = fields["upload-defer-length"]
        switch (fields["upload-length"], deferral) {
        case (let text?, nil): return try length(text)
        case (nil, "1"?): return nil
        case (nil, let other?):
            throw IngestFailure(field: "Upload-Defer-Length", value: other, expected: "1")
        case (nil, nil): throw IngestFailure(field: "Upload-Length", value: "absent", expected: "a number of bytes")
        case (_?, _?): throw IngestFailure(.invalid, "Upload-Length and Upload-Defer-Length exclude each other.")
        }
    }

    static func length(_ text: String) throws(IngestFailure) -> Int64 {
        guard let length = wholeNumber(text) else {
            throw IngestFailure(field: "Upload-Length", value: text, expected: "a whole number of bytes from 0")
        }
        return length
    }
}

/// `Upload-Concat`: a piece, or what pieces make.
enum TusConcat: Equatable {
    case partial
    case final([UploadID])

    static let mostParts = 1_000

    init(_ field: String) throws(IngestFailure) {
        if field == "partial" {
            self = .partial
            return
        }
        guard field.hasPrefix("final;") else {
            throw IngestFailure(
                field: "Upload-Concat", value: field, expected: "partial, or final; and the parts' URLs")
        }
        var parts: [UploadID] = []
        for url in field.dropFirst(6).split(separator: " ") {
            // Absolute or not, its last part is the id.
            guard let last = url.prefix(while: { $0 != "?" }).split(separator: "/").last,
                let id = UploadID(String(last))
            else { throw IngestFailure(field: "Upload-Concat", value: String(url), expected: "the URL of an upload") }
            parts.append(id)
        }
        guard (1...Self.mostParts).contains(parts.count) else {
            throw IngestFailure(
                field: "Upload-Concat", value: "\(parts.count) URLs", expected: "1 to \(Self.mostParts) of them")
        }
        self = .final(parts)
    }
}

/// `Upload-Metadata`: `key base64, key base64, key`. Parsed strictly: what two readers could take differently is refused.
struct TusMetadata {
    private var values: [String: String] = [:]

    static let longest = 8_192

    init(_ field: String) throws(IngestFailure) {
        if field.isEmpty { return }
        guard field.utf8.count <= Self.longest else {
            throw IngestFailure(
                field: "The length of Upload-Metadata", value: String(field.utf8.count),
                expected: "at most \(Self.longest)")
        }
        for pair in field.split(separator: ",", omittingEmptySubsequences: false) {
            var pair = pair.drop { $0 == " " }
            while pair.last == " " { pair.removeLast() }
            let parts = pair.split(separator: " ", omittingEmptySubsequences: false)
            guard let key = parts.first, !key.isEmpty, parts.count <= 2,
                key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), values[String(key)] == nil,
                let bytes = parts.count == 2 ? Base64.decode(parts[1]) : []
            else {
                throw IngestFailure(
                    field: "Upload-Metadata", value: String(pair),
                    expected: "a key and its value in base64, each key once")
            }
            // Only text is read here; other keys may hold what they like.
            let text = String(validating: bytes, as: UTF8.self)
            values[String(key)] = text ?? ""
            if Self.read.contains(String(key)), text == nil || bytes.contains(0) {
                throw IngestFailure(
                    field: "Upload-Metadata \(key)", value: "other bytes", expected: "UTF-8 without a NUL")
            }
        }
    }

    private static let read: Set<String> = ["filename", "filetype", "sha256", "trackId"]

    subscript(_ key: String) -> String? { values[key] }
}
