import Access
import Core
import Crypto
import HTTPServer
import Ledger

/// IETF resumable uploads (draft-ietf-httpbis-resumable-upload) in every form that clients have: a thin translation. What
/// it decides is form; everything else is `UploadService`'s.
struct Resumable: Sendable {
    let files: FileRoutes
    let version: InteropVersion
    private var service: UploadService { files.service }

    func create(_ request: Request) async throws -> Response {
        let principal = try await files.routes.authorize(request, .uploadAudio)
        guard let isLast = try version.isLast(request.fields) else {
            throw IngestFailure(field: version.complete(true).0, value: "absent", expected: "?0 or ?1")
        }
        var append = Append(at: 0)
        append.isLast = isLast
        append.check = try Self.check(request)
        let wish = try wish(request, isLast: isLast)
        let origin = Origin(principal: principal, requestID: request.id)
        if isLast, !files.sendsInterim, UploadService.isWhole(wish, request.body) {
            let row = try await service.createWhole(wish, append, from: request.body, origin: origin)
            let state = StreamState(row: row, offset: row.size ?? 0, isComplete: true)
            return UploadRoutes.success(
                201, service.accepted(row),
                fields: said(state) + [files.location(row, request)] + UploadRoutes.names(row))
        }
        let row = try await service.create(wish, from: origin)
        let place = files.location(row, request)
        append.progress = try await announce(place, row, request)
        do {
            let appended = try await service.append(append, to: row, from: request.body)
            return try await answer(appended, isLast: isLast, status: 201, request, [place] + UploadRoutes.names(row))
        } catch {
            // Without a 104 the client never learned its address; with one it comes back.
            if append.progress == nil { try await service.abandon(row) }
            throw error
        }
    }

    private func wish(_ request: Request, isLast: Bool) throws -> NewStream {
        let fields = request.fields
        var wish = NewStream(.ietf)
        wish.size = try version.number("Upload-Length", fields)
        if isLast, let length = request.body.length {
            guard length == wish.size ?? length else {
                throw IngestFailure(
                    .inconsistentLength, "Upload-Length is \(wish.size ?? 0), the body has \(length) bytes.")
            }
            wish.size = length
        }
        if let field = fields["content-disposition"] {
            guard let disposition = ParameterizedField(field) else {
                throw IngestFailure(
                    field: "Content-Disposition", value: field, expected: "a disposition and a filename")
            }
            if let name = disposition.filename {
                guard NewUpload.isFilename(name) else {
                    throw IngestFailure(
                        field: "filename", value: name, expected: "a name of 1 to 255 bytes without control characters")
                }
                wish.filename = name
            }
        }
        // A body that says it is a part says nothing of the whole.
        if let type = fields["content-type"], FileRoutes.mediaType(request) != "application/partial-upload" {
            guard type.utf8.count <= 255 else {
                throw IngestFailure(field: "Content-Type", value: type, expected: "a media type of at most 255 bytes")
            }
            wish.contentType = type
        }
        if let digest = try fields["repr-digest"].map({ try ContentDigest.parse($0, name: "Repr-Digest") }) ?? nil {
            wish.sha256 = Hex.encode(digest.sha256)
        }
        if let text = fields["x-track-id"] ?? request.query["trackId"] {
            guard let track = TrackID(text) else {
                throw IngestFailure(field: "trackId", value: text, expected: "1 to 64 of A-Z a-z 0-9 _ -")
            }
            wish.trackID = track
        }
        return wish
    }

    /// 104 with the address, then with the offsets as they become durable; nil where none is sent.
    private func announce(_ place: (String, String)?, _ row: UploadRow, _ request: Request) async throws
        -> (@Sendable (Int64) async -> Void)?
    {
        guard files.sendsInterim else { return nil }
        let echo = version.echo
        if let place {
            try await interim(request, echo + [place] + limit(row))
        }
        return { offset in
            // Whoever does not take it any more will be heard of when the body is read on.
            try? await request.interim(104, echo + [("Upload-Offset", String(offset))])
        }
    }

    private func interim(_ request: Request, _ fields: [(String, String)]) async throws {
        do { try await request.interim(104, fields) } catch {
            throw IngestFailure(.bodyEnded, "The client left.")
        }
    }

    func append(_ request: Request) async throws -> Response {
        let row = try await files.routes.find(request)
        try service.mustBeHere(row)
        if version.wantsMediaType, FileRoutes.mediaType(request) != "application/partial-upload" {
            throw Refusal(.unsupportedFormat, "Content-Type must be application/partial-upload.")
        }
        guard let offset = try version.number("Upload-Offset", request.fields) else {
            throw IngestFailure(field: "Upload-Offset", value: "absent", expected: "a whole number of bytes from 0")
        }
        guard let isLast = try version.isLast(request.fields) else {
            throw IngestFailure(field: version.complete(true).0, value: "absent", expected: "?0 or ?1")
        }
        try service.mustBeWrittenBy(.ietf, row)
        var append = Append(at: offset)
        append.isLast = isLast
        append.length = try version.number("Upload-Length", request.fields)
        append.check = try Self.check(request)
        append.progress = try await announce(nil, row, request)
        let appended = try await service.append(append, to: row, from: request.body)
        return try await answer(
            appended, isLast: isLast, status: isLast ? 200 : version.appendedStatus, request, [])
    }

    private static func check(_ request: Request) throws(IngestFailure) -> BodyCheck? {
        guard let field = request.fields["content-digest"], let digest = try ContentDigest.parse(field) else {
            return nil
        }
        return BodyCheck(Checksum(.sha256, digest.sha256))
    }

    /// The final answer; the same again for a request that only asks for it.
    private func answer(
        _ row: UploadRow, isLast: Bool, status: Int, _ request: Request, _ fields: [(String, String)]
    ) async throws -> Response {
        let state = try await service.streamState(row, interrupting: false)
        let fields = said(state) + fields
        guard state.isComplete else { return Response(status: status, fields: fields) }
        return UploadRoutes.success(status == 204 ? 200 : status, try await service.view(state.row), fields: fields)
    }

    private func said(_ state: StreamState) -> [(String, String)] {
        version.echo + [("Upload-Offset", String(state.offset)), version.complete(state.isComplete)]
            + limit(state.row) + Self.digest(state.row)
    }

    /// HEAD and GET.
    func show(_ state: StreamState) -> Response {
        var fields = version.echo + [("Cache-Control", "no-store"), ("Upload-Offset", String(state.offset))]
        fields.append(version.complete(state.isComplete))
        if let size = state.row.size { fields.append(("Upload-Length", String(size))) }
        return Response(
            status: 204, fields: fields + limit(state.row) + Self.digest(state.row) + UploadRoutes.names(state.row))
    }

    private func limit(_ row: UploadRow) -> [(String, String)] {
        let limit = service.limits.limit(of: row.promise)
        let left = max(0, row.expiresAt.seconds - service.time.now.seconds)
        return [("Upload-Limit", "max-size=\(limit), max-age=\(left)")]
    }

    /// The SHA-256 of the whole, once it is known: it answers Want-Repr-Digest, and harms nobody who did not ask.
    private static func digest(_ row: UploadRow) -> [(String, String)] {
        guard let sha256 = row.sha256, let bytes = Hex.decode(sha256) else { return [] }
        return [("Repr-Digest", "sha-256=:\(Base64.encode(bytes)):")]
    }
}
