package import Access
package import Core
package import HTTPServer
package import Ledger

/// JapaneseStudent's media API: one file a request in, an address out once it was proven clean, and the file at that
/// address for whoever may have it. A thin translation, as the other protocols are.
package struct MediaRoutes: Sendable {
    package typealias Authenticate = @Sendable (Request) async throws -> Principal
    /// Hands out what lies at a key of the blob store.
    package typealias Send = @Sendable (MediaRow, _ fields: [(String, String)], Request) async throws -> Response

    /// How long a client waits for the verdict.
    static let patience = Duration.seconds(60)

    let service: UploadService
    let authenticate: Authenticate
    let base: @Sendable (Request) -> String
    let send: Send
    let time: any TimeSource

    package init(
        service: UploadService, time: any TimeSource, base: @escaping @Sendable (Request) -> String,
        send: @escaping Send, authenticate: @escaping Authenticate
    ) {
        self.time = time
        self.service = service
        self.base = base
        self.send = send
        self.authenticate = authenticate
    }

    package func register(on router: inout Router) {
        on(.post, "/api/v6/media/{name}", &router) { try await take($0) }
        on(.get, "/api/v6/media/{name}", &router) { try await show($0) }
        on(.delete, "/api/v6/media/{name}", &router) { try await delete($0) }
        on(.get, "/api/v6/media/{type}/{name}", &router) { try await hand($0) }
        on(.delete, "/api/v6/media/{type}/{name}", &router) { try await delete($0) }
    }

    private func on(
        _ method: Method, _ pattern: String, _ router: inout Router,
        _ handler: @escaping @Sendable (Request) async throws -> Response
    ) {
        router.on(method, pattern, handler: UploadRoutes.refusing(handler))
    }

    // MARK: In

    private func take(_ request: Request) async throws -> Response {
        let principal = try await uploader(request)
        let name = try request.parameter("name", String.self)
        guard let use = MediaUse(rawValue: name) else {
            throw IngestFailure(
                field: "The type", value: name,
                expected: MediaUse.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let row = try await service.takeMedia(
            request, as: use, from: Origin(principal: principal, requestID: request.id))
        let names = UploadRoutes.names(row)
        guard let judged = try await service.judged(row.id, within: Self.patience, by: time) else {
            throw Refusal(
                .scannerUnavailable, "No verdict came within 60 s; the file waits for it, and is not lost.",
                fields: names + [("Retry-After", "30")])
        }
        let media = try ready(judged, fields: names)
        return .text(200, url(of: media, request), fields: names)
    }

    private func uploader(_ request: Request) async throws -> Principal {
        let principal = try await authenticate(request)
        guard principal.has(.uploadAudio) || principal.has(.manageTracks) || principal.has(.admin) else {
            throw AccessFailure(.forbidden(.uploadAudio)).refusal
        }
        return principal
    }

    /// What was refused says why, to whoever may know of it.
    private func ready(_ media: MediaRow, fields: [(String, String)] = []) throws -> MediaRow {
        switch media.state {
        case .ready: return media
        case .processing:
            throw Refusal(.trackProcessing, "The file is being checked.", fields: fields + [("Retry-After", "1")])
        case .failed, .quarantined:
            let code = media.errorCode ?? .internal
            throw Refusal(code, media.errorMessage ?? code.sentence, fields: fields)
        case .deleted: throw Refusal(.notFound)
        }
    }

    // MARK: Out

    private func show(_ request: Request) async throws -> Response {
        let media = try ready(try await find(request))
        let members: [(String, JSON)] = [
            ("id", .string(media.id.text)), ("contentType", .optional(media.contentType)),
            ("size", .integer(media.size)), ("url", .string(url(of: media, request))),
            ("type", .string(media.use.rawValue)),
        ]
        // Clients of this API read the members at the top, all others of ours look into `data`.
        return .json(200, .object([("success", true), ("data", .object(members))] + members))
    }

    private func hand(_ request: Request) async throws -> Response {
        let media = try await find(request)
        let name = try request.parameter("name", String.self)
        guard media.state == .ready, media.filename == name else { throw Refusal(.notFound) }
        let age = media.use.isPublic ? "public" : "private"
        return try await send(
            media,
            [
                ("Content-Disposition", Self.disposition(of: media)), ("X-Content-Type-Options", "nosniff"),
                ("Content-Security-Policy", "default-src 'none'; sandbox"),
                ("Cache-Control", "\(age), max-age=3600"),
            ], request)
    }

    private func delete(_ request: Request) async throws -> Response {
        let principal = try await uploader(request)
        let media = try await find(request)
        guard principal.mayReach(tenant: media.tenant, owner: media.owner),
            try await service.deleteMedia(media, requestID: request.id)
        else { throw Refusal(.notFound) }
        return Response(status: 204)
    }

    /// By id or by file name, which is the id with an ending. What is public is anybody's; everything else needs a key of
    /// its tenant, and without one nobody learns whether it is there.
    private func find(_ request: Request) async throws -> MediaRow {
        let name = try request.parameter("name", String.self)
        let id = UploadID(name.prefix { $0 != "." })
        let found: MediaRow?
        if let id { found = try await service.media(id) } else { found = nil }
        if let found, found.use.isPublic, found.state == .ready, request.method != .delete {
            return try typed(found, request)
        }
        let principal = try await authenticate(request)
        guard let found, found.tenant == principal.tenant, found.state != .deleted else { throw Refusal(.notFound) }
        return try typed(found, request)
    }

    private func typed(_ media: MediaRow, _ request: Request) throws -> MediaRow {
        guard request.route?.contains("{type}") == true else { return media }
        guard try request.parameter("type", String.self) == media.use.rawValue else { throw Refusal(.notFound) }
        return media
    }

    private func url(of media: MediaRow, _ request: Request) -> String {
        "\(base(request))/api/v6/media/\(media.use.rawValue)/\(media.filename ?? media.id.text)"
    }

    /// RFC 6266: the name in plain ASCII for all, and as it was for those who read RFC 8187. A document is saved, not
    /// opened: it may hold scripts.
    static func disposition(of media: MediaRow) -> String {
        let name = media.originalName
        let plain = String(
            name.unicodeScalars.map { scalar -> Character in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", " ", ".", "-", "_", "(", ")": Character(scalar)
                default: "_"
                }
            })
        let kind = media.use.kind == .doc ? "attachment" : "inline"
        return "\(kind); filename=\"\(plain)\"; filename*=UTF-8''\(encoded(name))"
    }

    private static func encoded(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return name.utf8.reduce(into: "") { text, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }
}
