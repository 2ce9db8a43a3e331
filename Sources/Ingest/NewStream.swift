package import Core
import Ledger

/// What a client of tus or of IETF resumable uploads asks for at creation, checked.
package struct NewStream: Sendable {
    package let `protocol`: UploadProtocol
    /// Empty where the client named none: then nothing is promised of the bytes.
    package var filename = ""
    package var contentType: String?
    /// Nil while it is deferred.
    package var size: Int64?
    /// Lowercase hex.
    package var sha256: String?
    package var trackID: TrackID?
    /// What the protocol must say again later.
    package var notes = StreamNotes()

    package init(_ protocol: UploadProtocol) { self.protocol = `protocol` }
}

/// What a protocol keeps of a creation, in the upload's row: a client may ask for it word by word.
package struct StreamNotes: Sendable, Equatable {
    /// tus: the field Upload-Metadata as it came.
    package var metadata: String?
    /// tus: the field Upload-Concat as it came.
    package var concat: String?
    /// tus: the uploads that a final one is made of, in order.
    package var parts: [UploadID] = []
    /// tus: of a part, the final ones that it belongs to.
    package var finals: [UploadID] = []

    package init() {}

    init(_ row: UploadRow) {
        // What cannot be read was written by nobody here: then nothing was noted.
        guard let json = try? JSON.parse(Array(row.metadata.utf8)) else { return }
        metadata = json["tusMetadata"]?.string
        concat = json["tusConcat"]?.string
        parts = Self.ids(json["tusParts"])
        finals = Self.ids(json["tusFinals"])
    }

    var json: JSON {
        var pairs: [(String, JSON)] = []
        if let metadata { pairs.append(("tusMetadata", .string(metadata))) }
        if let concat { pairs.append(("tusConcat", .string(concat))) }
        if !parts.isEmpty { pairs.append(("tusParts", .array(parts.map { .string($0.text) }))) }
        if !finals.isEmpty { pairs.append(("tusFinals", .array(finals.map { .string($0.text) }))) }
        return .object(pairs)
    }

    private static func ids(_ json: JSON?) -> [UploadID] {
        (json?.array ?? []).compactMap { $0.string.flatMap { UploadID($0) } }
    }
}

extension UploadRow {
    /// It is made of parts, and takes no bytes of its own.
    var isFinal: Bool { `protocol` == .tus && !StreamNotes(self).parts.isEmpty }
}
