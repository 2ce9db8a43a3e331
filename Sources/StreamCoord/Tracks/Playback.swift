package import Core
import Events
package import HTTPServer
package import Ledger
import Access

/// Links to listen by: made for one track and one session, and taken back.
package struct Playback: Sendable {
    /// No link lives longer; revocations are remembered as long.
    package static let longest = Duration.seconds(30 * 86_400)

    package struct Configuration: Sendable {
        package var keys: PlaybackKeys
        package var lifetime: Duration
        /// Of the addresses handed out; nil takes the request's own.
        package var publicURL: String?

        package init(keys: PlaybackKeys, lifetime: Duration, publicURL: String?) {
            self.keys = keys
            self.lifetime = lifetime
            self.publicURL = publicURL
        }
    }

    private let configuration: Configuration
    private let ledger: any LedgerStore
    private let delivery: Delivery
    private let time: any TimeSource

    package init(configuration: Configuration, ledger: any LedgerStore, delivery: Delivery, time: any TimeSource) {
        self.configuration = configuration
        self.ledger = ledger
        self.delivery = delivery
        self.time = time
    }

    package func register(on router: inout Router, authorize: @escaping Authorize) {
        router.on(.post, "/v1/tracks/{track}/playback") { [self] request in
            try await refusing(request) { try await make($0, by: authorize($0)) }
        }
        router.on(.delete, "/v1/tracks/{track}/playback/{session}") { [self] request in
            try await refusing(request) { try await revoke($0, by: authorize($0)) }
        }
    }

    private func make(_ request: Request, by principal: Principal) async throws -> Response {
        try principal.mustHave(.streamAudio, or: .manageTracks)
        let body = try await RequestBody(of: request)
        let most = Self.longest.components.seconds
        let seconds = try body.value("expiresIn", "whole seconds from 1 to \(most)") { json in
            json.integer.flatMap { (1...most).contains($0) ? $0 : nil }
        }
        let subject = try body.value("sub", "a text of up to 200 bytes") { $0.string.flatMap { UserID($0) } }
        if try body.value("once", "true or false", \.bool) ?? false {
            throw StreamFailure(.invalidRequest, "once is not offered: leave it out.")
        }
        let id = try request.parameter("track", TrackID.self)
        let now = time.now
        let row = try await ledger.read("playback.track") { tx in try tx.tracks.find(id) }
        let track = try Self.playable(row, for: principal, at: now)
        let expires = now + (seconds.map { .seconds($0) } ?? configuration.lifetime)
        let session = SessionID.make()
        let token = configuration.keys.mint(
            PlaybackToken(track: id, tenant: track.tenant, session: session.text, expires: expires.seconds),
            issuedAt: now, subject: subject?.text)
        let base = configuration.publicURL ?? request.host.map { "\(request.scheme)://\($0)" }
        let links = TrackLinks(base: base).links(track, token: token)
        return .data(
            201,
            [
                "url": .optional(links.hls), "losslessUrl": .optional(links.lossless), "opusUrl": .optional(links.opus),
                "dashUrl": .optional(links.dash), "sid": .string(session.text),
                "expiresAt": .string(Timestamp(seconds: expires.seconds).description),
            ])
    }

    /// Why there is nothing to hear yet, or ever, in the words of the track's own state.
    static func playable(_ row: TrackRow?, for principal: Principal, at now: Timestamp) throws -> TrackRow {
        guard let row, row.tenant == principal.tenant, row.state != .deleted else {
            throw StreamFailure(.notFound, "There is no such track.")
        }
        switch row.state {
        case .processing: throw StreamFailure(.notReady, "The track is \(row.stage.rawValue).")
        case .failed, .quarantined: throw Refusal(row.errorCode ?? .trackProcessing, row.errorMessage)
        case .ready, .deleted: break
        }
        if let publishAt = row.publishAt, publishAt > now {
            throw StreamFailure(.notPublished, "The track is published at \(publishAt).")
        }
        return row
    }

    private func revoke(_ request: Request, by principal: Principal) async throws -> Response {
        try principal.mustHave(.streamAudio, or: .manageTracks)
        let id = try request.parameter("track", TrackID.self)
        let session = try request.parameter("session", SessionID.self)
        let tenant = principal.tenant
        let isThere = try await ledger.write("playback.revoke") { tx in
            guard let row = try tx.tracks.find(id), row.tenant == tenant, row.state != .deleted else { return false }
            try tx.sessions.revoke(session, track: id, tenant: tenant, expiresAt: tx.now + Self.longest)
            return true
        }
        guard isThere else { throw StreamFailure(.notFound, "There is no such track.") }
        delivery.forgetSessions()
        return Response(status: 204)
    }
}
