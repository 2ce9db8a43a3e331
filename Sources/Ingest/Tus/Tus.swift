import Access
import Core
import HTTPServer
import Ledger

/// tus 1.0 with all its extensions (https://tus.io/protocols/resumable-upload): a thin translation. What it decides is
/// form; everything else is `UploadService`'s.
struct Tus: Sendable {
    static let version = ("Tus-Resumable", "1.0.0")
    private static let contentType = "application/offset+octet-stream"

    let files: FileRoutes
    private var service: UploadService { files.service }

    static func abilities(_ limits: UploadLimits) -> [(String, String)] {
        [
            ("Tus-Version", "1.0.0"), ("Tus-Max-Size", String(limits.largest)),
            (
                "Tus-Extension",
                "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,"
                    + "concatenation,concatenation-unfinished"
            ),
            ("Tus-Checksum-Algorithm", Checksum.names),
        ]
    }

    /// Only version 1.0.0 is spoken; 412 says so.
    static func mustSpeak(_ request: Request) throws(TusRefusal) {
        guard request.fields["tus-resumable"] == version.1 else {
            throw TusRefusal(status: 412, message: "Tus-Resumable must be 1.0.0.", fields: [("Tus-Version", "1.0.0")])
        }
    }

    func create(_ request: Request) async throws -> Response {
        try Self.mustSpeak(request)
        let principal = try await files.routes.authorize(request, .uploadAudio)
        let wish = try TusCreation(request)
        let origin = Origin(principal: principal, requestID: request.id)
        if !wish.stream.notes.parts.isEmpty {
            return created(try await service.concatenate(wish.stream, from: origin), request)
        }
        let hasBody = request.body.length != 0
        if hasBody { try Self.mustBeBytes(request) }
        if UploadService.isWhole(wish.stream, request.body) {
            var append = Append(at: 0)
            append.check = try Self.check(request)
            let row = try await service.createWhole(wish.stream, append, from: request.body, origin: origin)
            return created(row, request, [("Upload-Offset", String(row.size ?? 0))])
        }
        var row = try await service.create(wish.stream, from: origin)
        var fields: [(String, String)] = []
        if hasBody || row.size == 0 {
            do {
                row = try await append(Append(at: 0), to: row, request)
            } catch {
                // The client never learned its address: what came of it serves nobody.
                try await service.abandon(row)
                throw error
            }
            let state = try await service.streamState(row, interrupting: false)
            fields.append(("Upload-Offset", String(state.offset)))
        }
        return created(row, request, fields)
    }

    private func created(_ row: UploadRow, _ request: Request, _ fields: [(String, String)] = []) -> Response {
        Response(
            status: 201,
            fields: [Self.version, files.location(row, request)] + fields + Self.expiry(row) + UploadRoutes.names(row))
    }

    func append(_ request: Request) async throws -> Response {
        try Self.mustSpeak(request)
        try Self.mustBeBytes(request)
        guard let text = request.fields["upload-offset"], let offset = wholeNumber(text) else {
            throw IngestFailure(
                field: "Upload-Offset", value: request.fields["upload-offset"] ?? "absent",
                expected: "a whole number of bytes from 0")
        }
        let row = try await files.routes.find(request)
        try service.mustBeHere(row)
        guard StreamNotes(row).parts.isEmpty else {
            throw TusRefusal(status: 403, message: "A final upload is made of its parts, and takes no bytes.")
        }
        var wish = Append(at: offset)
        if let text = request.fields["upload-length"] { wish.length = try TusCreation.length(text) }
        let appended = try await append(wish, to: row, request)
        let state = try await service.streamState(appended, interrupting: false)
        return Response(
            status: 204,
            fields: [Self.version, ("Upload-Offset", String(state.offset))] + Self.expiry(appended))
    }

    private func append(_ wish: Append, to row: UploadRow, _ request: Request) async throws -> UploadRow {
        // A piece of a concatenation is written as what it is: a tus upload.
        if row.protocol != .part { try service.mustBeWrittenBy(.tus, row) }
        var wish = wish
        wish.check = try Self.check(request)
        return try await service.append(wish, to: row, from: request.body)
    }

    /// In the head, or announced for the trailer.
    private static func check(_ request: Request) throws(IngestFailure) -> BodyCheck? {
        if let field = request.fields["upload-checksum"] { return BodyCheck(try Checksum(field: field)) }
        let announced = (request.fields["trailer"] ?? "").split(separator: ",").map {
            $0.filter { $0 != " " && $0 != "\t" }.lowercased()
        }
        guard announced.contains("upload-checksum") else { return nil }
        let body = request.body
        return BodyCheck(trailer: { body.trailers["upload-checksum"] })
    }

    private static func mustBeBytes(_ request: Request) throws {
        guard FileRoutes.mediaType(request) == contentType else {
            throw TusRefusal(status: 415, message: "Content-Type must be \(contentType).")
        }
    }

    /// HEAD and GET.
    func show(_ state: StreamState) -> Response {
        let row = state.row
        let notes = StreamNotes(row)
        var fields = [Self.version, ("Cache-Control", "no-store")]
        // A final upload has no offset before it is whole.
        if notes.parts.isEmpty || state.isComplete { fields.append(("Upload-Offset", String(state.offset))) }
        fields.append(row.size.map { ("Upload-Length", String($0)) } ?? ("Upload-Defer-Length", "1"))
        if let metadata = notes.metadata { fields.append(("Upload-Metadata", metadata)) }
        if let concat = notes.concat { fields.append(("Upload-Concat", concat)) }
        return Response(status: 200, fields: fields + Self.expiry(row) + UploadRoutes.names(row))
    }

    private static func expiry(_ row: UploadRow) -> [(String, String)] {
        [("Upload-Expires", row.expiresAt.httpDate)]
    }

    /// A failure in words, with the code that the other protocols answer; checksums have a status of their own.
    static func answer(to error: any Error, of request: Request) -> Response {
        if let refusal = error as? TusRefusal {
            return .text(refusal.status, refusal.message + "\n", fields: [version] + refusal.fields)
        }
        let refusal = FileRoutes.refusal(of: error)
        let status =
            switch (error as? IngestFailure)?.kind {
            case .checksumMismatch: 460
            // Bytes beyond the end of what is complete are too many, as those beyond a length are.
            case .completed: 413
            default: refusal.code.status
            }
        return .text(
            status, "\(refusal.code.rawValue): \(refusal.message)\n",
            fields: [version, ("Cache-Control", "no-store")] + refusal.fields)
    }
}

/// What tus answers by a status that no failure of ours has.
struct TusRefusal: Error {
    let status: Int
    let message: String
    var fields: [(String, String)] = []
}
