import Access
import Core
import Crypto
import HTTPServer
import Ledger

@testable import Ingest

/// /files and /v1/uploads over a service in memory: what a client sees, without a socket.
struct FilesRig {
    let rig: ServiceRig
    let router: Router

    init(_ rig: ServiceRig) {
        var router = Router()
        let routes = UploadRoutes(
            service: rig.service,
            tokens: UploadToken(secrets: [Array("a secret of at least 32 characters".utf8)]),
            base: { _ in "http://here" },
            authorize: { request, permission in
                guard let user = request.fields["authorization"] else { throw AccessFailure(.missing) }
                let tenant: TenantID = user == "stranger" ? named("other") : .operatorsOwn
                let principal = Principal(tenant: tenant, user: named(user), permissions: [.uploadAudio])
                try principal.require(permission)
                return principal
            })
        routes.register(on: &router)
        FileRoutes(routes, sendsInterim: false).register(on: &router)
        (self.rig, self.router) = (rig, router)
    }

    init(_ change: (inout UploadLimits) -> Void = { _ in }) throws {
        self.init(try ServiceRig(change))
    }

    func ask(
        _ method: Method, _ target: String, _ fields: [(String, String)] = [], _ body: Body = .empty,
        user: String? = "user-1"
    ) async -> Response {
        let user = user.map { [("Authorization", $0)] } ?? []
        return await router.respond(to: Request(method, target, fields: fields + user, body: body))
    }

    // MARK: tus

    static let tus = ("Tus-Resumable", "1.0.0")
    static let bytes = ("Content-Type", "application/offset+octet-stream")

    func tusPost(_ fields: [(String, String)], _ body: [UInt8]? = nil) async -> Response {
        let type = body == nil ? [] : [Self.bytes]
        return await ask(.post, "/files", [Self.tus] + fields + type, body.map { Body(bytes: $0) } ?? .empty)
    }

    func tusPatch(_ id: String, _ offset: Int, _ body: [UInt8], _ fields: [(String, String)] = []) async -> Response {
        await ask(
            .patch, "/files/\(id)", [Self.tus, Self.bytes, ("Upload-Offset", String(offset))] + fields,
            Body(bytes: body))
    }

    func tusHead(_ id: String) async -> Response { await ask(.head, "/files/\(id)", [Self.tus]) }

    /// A new tus upload named a.wav; its id.
    func tusNew(_ length: Int, _ fields: [(String, String)] = []) async -> String {
        await tusPost([("Upload-Length", String(length)), Self.metadata("a.wav")] + fields)["X-Upload-Id"] ?? ""
    }

    static func metadata(_ filename: String, _ more: String = "") -> (String, String) {
        ("Upload-Metadata", "filename \(Base64.encode(Array(filename.utf8)))\(more)")
    }

    func row(_ id: String) async throws -> UploadRow? {
        guard let id = UploadID(id) else { return nil }
        return try await rig.ledger.read("test") { tx in try tx.uploads.find(id) }
    }
}

func named(_ text: String) -> TenantID {
    guard let tenant = TenantID(text) else { preconditionFailure("\(text) names no tenant") }
    return tenant
}

/// A body of unknown length, as a test's source brings it, with what follows it.
final class TestBody: BodySource {
    private let source: TestSource
    let trailers: Fields

    init(_ source: TestSource, trailers: [(String, String)] = []) {
        self.source = source
        self.trailers = Fields(trailers)
    }

    func read(upTo count: Int) async throws(BodyFailure) -> [UInt8] {
        do { return try await source.next(upTo: count) } catch { throw BodyFailure(.cut) }
    }

    func cancel() { source.cancel() }
}

extension Body {
    /// Comes chunked.
    static func chunked(_ source: TestSource, trailers: [(String, String)] = []) -> Body {
        Body(length: nil, source: TestBody(source, trailers: trailers))
    }
}

extension Response {
    var bytes: [UInt8] { if case .bytes(let bytes) = body { bytes } else { [] } }
}
