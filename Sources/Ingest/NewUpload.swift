package import Core
import Crypto

/// What a client asks for at creation, checked.
package struct NewUpload: Sendable, Equatable {
    package var filename: String
    package var size: Int64
    package var contentType: String?
    /// Lowercase hex.
    package var sha256: String?
    package var chunkSize: Int64?
    package var trackID: TrackID?
    package var metadata = JSON.object([])

    package init(filename: String, size: Int64) {
        self.filename = filename
        self.size = size
    }

    /// `{filename,size,contentType?,sha256?,chunkSize?,trackId?,metadata?}`; each refusal names the field, its value and
    /// what was expected. Fields we do not know are let be: a newer client may send more.
    package init(json bytes: [UInt8]) throws(IngestFailure) {
        let json: JSON
        do { json = try JSON.parse(request: bytes) } catch {
            throw IngestFailure(.invalid, "The body is no JSON: \(error).")
        }
        guard case .object = json else {
            throw IngestFailure(field: "The body", value: json.text, expected: "a JSON object")
        }
        guard let name = json["filename"]?.string, Self.isFilename(name) else {
            throw IngestFailure(
                field: "filename", value: json["filename"]?.text ?? "absent",
                expected: "a name of 1 to 255 bytes without control characters")
        }
        guard let size = json["size"]?.integer else {
            throw IngestFailure(
                field: "size", value: json["size"]?.text ?? "absent", expected: "a whole number of bytes from 1")
        }
        self.init(filename: name, size: size)
        contentType = try Self.text(json, "contentType", atMost: 255, expected: "a media type")
        if let text = try Self.text(json, "sha256", atMost: 64, expected: "64 hexadecimal digits") {
            sha256 = try Self.digest(text)
        }
        if let value = json["chunkSize"], !value.isNull {
            guard let wish = value.integer, ChunkGeometry.wishes.contains(wish) else {
                throw IngestFailure(
                    field: "chunkSize", value: value.text,
                    expected: "\(ChunkGeometry.wishes.lowerBound) to \(ChunkGeometry.wishes.upperBound)")
            }
            chunkSize = wish
        }
        if let text = try Self.text(json, "trackId", atMost: 64, expected: "1 to 64 of A-Z a-z 0-9 _ -") {
            guard let track = TrackID(text) else {
                throw IngestFailure(field: "trackId", value: text, expected: "1 to 64 of A-Z a-z 0-9 _ -")
            }
            trackID = track
        }
        if let value = json["metadata"], !value.isNull {
            guard case .object = value, value.bytes.count <= 16_384 else {
                throw IngestFailure(field: "metadata", value: value.text, expected: "an object of at most 16384 bytes")
            }
            metadata = value
        }
    }

    /// The digest in a body of `complete`, where there is one.
    package static func declaredDigest(json bytes: [UInt8]) throws(IngestFailure) -> String? {
        if bytes.isEmpty { return nil }
        let json: JSON
        do { json = try JSON.parse(request: bytes) } catch {
            throw IngestFailure(.invalid, "The body is no JSON: \(error).")
        }
        guard case .object = json else {
            throw IngestFailure(field: "The body", value: json.text, expected: "a JSON object")
        }
        guard let text = try text(json, "sha256", atMost: 64, expected: "64 hexadecimal digits") else { return nil }
        return try digest(text)
    }

    package static func isFilename(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count) && name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    }

    private static func digest(_ text: String) throws(IngestFailure) -> String {
        guard let bytes = Hex.decode(text.lowercased()), bytes.count == 32 else {
            throw IngestFailure(field: "sha256", value: text, expected: "64 hexadecimal digits")
        }
        return text.lowercased()
    }

    private static func text(_ json: JSON, _ name: String, atMost: Int, expected: String) throws(IngestFailure)
        -> String?
    {
        guard let value = json[name], !value.isNull else { return nil }
        guard let text = value.string, (1...atMost).contains(text.utf8.count) else {
            throw IngestFailure(field: name, value: value.text, expected: expected)
        }
        return text
    }
}
