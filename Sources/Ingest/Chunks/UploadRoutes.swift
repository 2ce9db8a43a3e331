package import Access
import Core
package import HTTPServer
import Ledger

/// The plain chunk protocol and its kin on HTTP: a thin translation. What it decides is form; everything else is
/// `UploadService`'s.
package struct UploadRoutes: Sendable {
    package typealias Authorize = @Sendable (Request, Permission) async throws -> Principal

    static let jsonLimit = 65_536

    let service: UploadService
    let authorize: Authorize
    let tokens: UploadToken
    /// Where clients reach us: scheme and host, no path.
    let base: @Sendable (Request) -> String

    package init(
        service: UploadService, tokens: UploadToken, base: @escaping @Sendable (Request) -> String,
        authorize: @escaping Authorize
    ) {
        self.service = service
        self.tokens = tokens
        self.base = base
        self.authorize = authorize
    }

    package func register(on router: inout Router) {
        on(.post, "/v1/uploads", &router) { try await create($0) }
        on(.post, "/v1/uploads/simple", &router) { try await simple($0) }
        on(.put, "/v1/uploads/{upload}/chunks/{index}", &router) { try await putChunk($0) }
        on(.post, "/v1/uploads/{upload}/complete", &router) { try await complete($0) }
        on(.put, "/v1/uploads/{upload}", &router) { try await putRange($0) }
        on(.get, "/v1/uploads/{upload}", &router) { try await show($0) }
        on(.delete, "/v1/uploads/{upload}", &router) { try await cancel($0) }
        on(.get, "/api/v1/upload/limits", &router) { _ in Self.success(200, service.limits.json) }
    }

    private func on(
        _ method: Method, _ pattern: String, _ router: inout Router, _ handler: @escaping Router.Handler
    ) {
        router.on(method, pattern, handler: Self.refusing(handler))
    }

    /// Every failure of this room leaves it as a refusal.
    static func refusing(_ handler: @escaping Router.Handler) -> Router.Handler {
        { request in
            do {
                return try await handler(request)
            } catch let failure as IngestFailure {
                throw failure.refusal
            } catch let failure as SpoolFailure {
                throw IngestFailure(failure).refusal
            } catch let failure as LedgerFailure {
                throw failure.refusal
            }
        }
    }

    /// The upload that the path names, for whoever may see it: with a key or token of the API, or with the token made for
    /// this upload alone, which does what its owner's key would.
    func find(_ request: Request) async throws -> UploadRow {
        let visitor: UploadVisitor
        if let token = request.query["token"] {
            let id = try request.parameter("upload", UploadID.self)
            visitor = try tokens.visitor(token, upload: id, now: service.time.now)
        } else {
            visitor = .principal(try await uploaderOrManager(request))
        }
        return try await service.find(try request.parameter("upload", UploadID.self), for: visitor)
    }

    /// `ManageTracks` reaches every upload of the tenant; it need not be able to upload itself.
    private func uploaderOrManager(_ request: Request) async throws -> Principal {
        do {
            return try await authorize(request, .uploadAudio)
        } catch let first {
            do { return try await authorize(request, .manageTracks) } catch { throw first }
        }
    }

    private func create(_ request: Request) async throws -> Response {
        let principal = try await authorize(request, .uploadAudio)
        let body = try await collect(request)
        let key = try request.fields["idempotency-key"].map { try IdempotencyKey($0, body: body) }
        let wish = try NewUpload(json: body)
        let row = try await service.create(
            wish, idempotency: key, from: Origin(principal: principal, requestID: request.id))
        return Self.success(201, creation(row, request), fields: Self.names(row))
    }

    private func creation(_ row: UploadRow, _ request: Request) -> JSON {
        let url = "\(base(request))/v1/uploads/\(row.id)"
        return .object([
            ("id", .string(row.id.text)), ("trackId", .string(row.trackID.text)),
            ("chunkSize", .optional(row.chunkSize)),
            ("chunkCount", .optional(row.geometry?.count)), ("expiresAt", .string(row.expiresAt.description)),
            (
                "urls",
                .object([
                    ("upload", .string("\(url)?token=\(tokens.make(for: row))")),
                    ("chunk", .string("\(url)/chunks/{index}")),
                    ("complete", .string("\(url)/complete")), ("status", .string(url)),
                ])
            ),
        ])
    }

    private func putChunk(_ request: Request) async throws -> Response {
        let row = try await find(request)
        let index = try chunkIndex(request)
        let receipt = try await service.putChunk(index, of: row, from: request.body, digest: try Self.digest(request))
        let json = JSON.object([
            ("index", .integer(index)), ("state", .string(receipt == .written ? "written" : "repeated")),
        ])
        return Self.success(receipt == .written ? 201 : 200, json)
    }

    private func chunkIndex(_ request: Request) throws -> Int64 {
        let text = try request.parameter("index", String.self)
        guard let index = wholeNumber(text) else {
            throw IngestFailure(field: "The chunk's index", value: text, expected: "a whole number from 0")
        }
        return index
    }

    private func putRange(_ request: Request) async throws -> Response {
        let row = try await find(request)
        guard let text = request.fields["content-range"], let range = ContentRange(text) else {
            throw IngestFailure(
                field: "Content-Range", value: request.fields["content-range"] ?? "absent",
                expected: "bytes a-b/n, bytes a-b/* or bytes */n")
        }
        switch try await service.putRange(range, of: row, from: request.body, digest: try Self.digest(request)) {
        case .complete(let row):
            return Self.success(200, try await service.view(row), fields: Self.names(row))
        case .further(let offset):
            // As GCS does: 308 is no redirect here, and before the first byte there is no Range.
            let fields = offset > 0 ? [("Range", "bytes=0-\(offset - 1)")] : []
            return Response(status: 308, fields: fields + Self.names(row), body: .none)
        }
    }

    private func complete(_ request: Request) async throws -> Response {
        let row = try await find(request)
        let declared = try NewUpload.declaredDigest(json: try await collect(request))
        try service.mustBeInTime(row)
        let completed = try await service.complete(row, declared: declared)
        return Self.success(202, try await service.view(completed), fields: Self.names(completed))
    }

    private func show(_ request: Request) async throws -> Response {
        Self.success(200, try await service.view(try await find(request)))
    }

    private func cancel(_ request: Request) async throws -> Response {
        try await service.cancel(try await find(request))
        return Response(status: 204, fields: [], body: .none)
    }

    private func collect(_ request: Request) async throws -> [UInt8] {
        if let length = request.body.length, length > Int64(Self.jsonLimit) {
            throw IngestFailure(
                field: "The length of the body", value: String(length), expected: "at most \(Self.jsonLimit) bytes")
        }
        var bytes: [UInt8] = []
        let source = RequestBytes(request.body)
        while true {
            let piece = try await source.next(upTo: Self.jsonLimit)
            if piece.isEmpty { return bytes }
            bytes += piece
            guard bytes.count <= Self.jsonLimit else {
                throw IngestFailure(.invalid, "The body is longer than \(Self.jsonLimit) bytes.")
            }
        }
    }

    static func digest(_ request: Request) throws(IngestFailure) -> ContentDigest? {
        guard let field = request.fields["content-digest"] else { return nil }
        return try ContentDigest.parse(field)
    }

    static func names(_ row: UploadRow) -> [(String, String)] {
        // A piece of a concatenation is nobody's track.
        [("X-Upload-Id", row.id.text)] + (row.protocol == .part ? [] : [("X-Track-Id", row.trackID.text)])
    }

    static func success(_ status: Int, _ data: JSON, fields: [(String, String)] = []) -> Response {
        let body = JSON.object([("success", true), ("data", data)])
        return .bytes(status, body.bytes, type: "application/json", fields: fields)
    }
}
