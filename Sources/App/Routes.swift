import Access
import Core
import Events
import HTTPServer
import Ingest
import Ledger
import Storage
import StreamCoord

/// Which room answers which address.
struct Routes: Sendable {
    let settings: Settings
    let secrets: Secrets
    let ledger: any LedgerStore
    let uploads: UploadService
    let delivery: Delivery
    let events: EventWriter
    let health: Health
    let metrics: Metrics
    let gate: RateGate
    let time: any TimeSource

    func api() throws -> Router {
        var router = Router()
        let authenticator = Authenticator(
            tokens: BearerToken(secrets: secrets.api, issuer: settings.jwtIssuer, audience: settings.jwtAudience),
            localSecret: secrets.local, keys: KeyCache(LedgerKeys(ledger: ledger), time: time), time: time)
        let authenticate: @Sendable (Request) async throws -> Principal = { [gate] request in
            let principal: Principal
            do {
                principal = try await authenticator.authenticate(
                    authorization: request.fields["authorization"], apiKey: request.fields["x-api-key"],
                    isLoopback: request.peer.isLoopback)
            } catch let failure as AccessFailure {
                // Who guesses keys is counted too.
                try gate.count(request, of: nil)
                throw failure
            }
            try gate.count(request, of: principal)
            return principal
        }
        let publicURL = settings.publicURL
        let base: @Sendable (Request) -> String = { request in
            publicURL ?? "\(request.scheme)://\(request.host ?? "127.0.0.1")"
        }
        if settings.roles.contains(.ingest) {
            let uploadRoutes = UploadRoutes(service: uploads, tokens: UploadToken(secrets: secrets.api), base: base) {
                request, permission in
                let principal = try await authenticate(request)
                // Managers and operators may do what uploaders may.
                guard principal.has(permission) || principal.has(.manageTracks) || principal.has(.admin) else {
                    throw AccessFailure(.forbidden(permission))
                }
                return principal
            }
            uploadRoutes.register(on: &router)
            FileRoutes(uploadRoutes, sendsInterim: settings.interim104).register(on: &router)
            MediaRoutes(service: uploads, time: time, base: base, send: send, authenticate: authenticate)
                .register(on: &router)
        }
        TrackRoutes(ledger: ledger, events: events, delivery: delivery).register(on: &router, authorize: authenticate)
        Playback(
            configuration: .init(keys: secrets.playback, lifetime: settings.playbackTTL, publicURL: settings.publicURL),
            ledger: ledger,
            delivery: delivery, time: time
        ).register(on: &router, authorize: authenticate)
        EventStream(ledger: ledger, time: time, links: events.links).register(on: &router, authorize: authenticate)
        AdminRoutes(ledger: ledger, events: events, uploads: uploads, health: health, time: time)
            .register(on: &router, authorize: authenticate)
        if settings.roles.contains(.deliver) { delivery.register(on: &router) }
        health.register(on: &router)
        OpenAPIDocument.register(on: &router)
        return router
    }

    private func send(_ media: MediaRow, _ fields: [(String, String)], _ request: Request) async throws -> Response {
        guard let key = media.key.flatMap({ BlobKey($0) }), let type = media.contentType else {
            throw Refusal(.notFound)
        }
        return try await delivery.send(
            key, contentType: type, tag: "\"\(media.sha256)\"", fields: fields, to: request)
    }

    func metricsOnly() -> Router {
        var router = Router()
        health.register(on: &router)
        let (metrics, token) = (metrics, settings.metricsToken)
        router.on(.get, "/metrics") { request in
            if let token, request.fields["authorization"] != "Bearer " + token.text { throw AccessFailure(.missing) }
            return .bytes(
                200, Array(metrics.text.utf8), type: "application/openmetrics-text; version=1.0.0; charset=utf-8")
        }
        return router
    }
}
