package import Core
package import HTTPServer
package import Ledger
package import Platform
package import Storage
import Crypto

/// Hands out what may be heard: playlists, segments and presigned originals. Every answer stands behind a token, and
/// behind the track's row: ready, published, of the token's tenant.
package final class Delivery: Sendable {
    package struct Configuration: Sendable {
        package var keys: PlaybackKeys
        /// Fields that every answer bears: CORS for everybody. Written into the heads of the quick way alone, for the
        /// layer outside adds them to every other answer. Empty where they depend on the request's origin; then no
        /// request that names one goes the quick way.
        package var openCORS: [(String, String)]
        /// The ledger went away, or is back.
        package var told: @Sendable (LedgerAbsence.Notice) -> Void

        package init(
            keys: PlaybackKeys, openCORS: [(String, String)],
            told: @escaping @Sendable (LedgerAbsence.Notice) -> Void = { _ in }
        ) {
            self.keys = keys
            self.openCORS = openCORS
            self.told = told
        }
    }

    let configuration: Configuration
    let store: any BlobShelf
    let gate: TrackGate
    let sessions: SessionGate
    let lanes: Lanes
    let time: any TimeSource
    private let hot = Hot()

    package init(
        configuration: Configuration, ledger: any LedgerStore, store: any BlobShelf, lanes: Lanes, time: any TimeSource
    ) {
        self.configuration = configuration
        self.store = store
        let absence = LedgerAbsence(told: configuration.told)
        gate = TrackGate(ledger: ledger, time: time, absence: absence)
        sessions = SessionGate(ledger: ledger, time: time, absence: absence)
        self.lanes = lanes
        self.time = time
    }

    /// A track changed here: what is remembered of it goes, at once.
    package func forget(_ track: TrackID) {
        gate.forget(track)
        hot.forget(track)
    }

    /// A session was revoked here.
    package func forgetSessions() {
        sessions.forget()
        hot.forgetTokens()
    }

    package func register(on router: inout Router) {
        router.on(.get, "/stream/{token}") { [self] in try await refusing($0, presigned) }
        router.on(.get, "/stream/{token}/{track}/{file}") { [self] in try await refusing($0, top) }
        router.on(.get, "/stream/{token}/{track}/{generation}/{rendition}/{file}") { [self] in
            try await refusing($0, part)
        }
    }

    // MARK: The hot path

    /// `/stream/{token}/{what is open already}`; nil for all else.
    package func quick(_ head: borrowing RequestHead) -> QuickFile? {
        let path = head.path
        guard !head.hasQuery, path.count > 16, isStream(path) else { return nil }
        if configuration.openCORS.isEmpty, head.contains("origin") { return nil }
        var slash = 8
        while slash < path.count, path[slash] != UInt8(ascii: "/") { slash += 1 }
        guard slash + 1 < path.count else { return nil }
        let token = path.extracting(8..<slash)
        let rest = path.extracting(slash + 1..<path.count)
        return hot.file(token: token, path: rest, at: time.now).map { QuickFile($0) }
    }

    // MARK: Routes

    /// What a generation is made of, under names that never change their bytes.
    private func part(_ request: Request) async throws -> Response {
        let name: String = try request.parameter("file")
        let track = try request.parameter("track", TrackID.self)
        let epoch = hot.epoch
        let entry = try await admitted(request, to: track)
        let generation = try request.parameter("generation", GenerationID.self)
        let rendition: String = try request.parameter("rendition")
        guard let media = MediaType(of: name), entry.visible.contains(generation),
            let key = BlobKey.generation(generation, of: track).below(rendition)?.below(name), rendition.isPlainName,
            name.isPlainName
        else { throw StreamFailure(.notFound, "There is no such part of this track.") }
        let tag = "\"\(generation)/\(rendition)/\(name)\""
        let wanted = Wanted(key, media, tag: tag, caching: "public, max-age=86400, immutable", configuration.openCORS)
        let opened = try await open(wanted)
        if case .file(let file) = opened, !media.isText {
            let path = Array("\(track)/\(generation)/\(rendition)/\(name)".utf8)
            hot.keep(
                Hot.File(
                    file: file, track: track, tenant: entry.tenant, isPublic: entry.isPublic,
                    until: entry.goodAt + TrackGate.freshness, end: entry.goodAt + TrackGate.freshness * 2),
                for: path.span, since: epoch)
        }
        return try await answer(opened, wanted, request)
    }

    /// What the live generation offers: playlists and the like.
    private func top(_ request: Request) async throws -> Response {
        let name: String = try request.parameter("file")
        let track = try request.parameter("track", TrackID.self)
        let entry = try await admitted(request, to: track)
        guard let media = MediaType(of: name), name.isPlainName, let live = entry.live,
            let key = BlobKey.generation(live, of: track).below(name)
        else { throw StreamFailure(.notFound, "There is no such part of this track.") }
        let wanted = Wanted(
            key, media, tag: "\"\(live)/\(name)\"", caching: "max-age=60", configuration.openCORS)
        return try await answer(try await open(wanted), wanted, request)
    }

    /// The original behind a signed address.
    private func presigned(_ request: Request) async throws -> Response {
        let text: String = try request.parameter("token")
        guard let track = TrackID(text) else { throw StreamFailure(.notFound, "There is no such track.") }
        try configuration.keys.verifyPresigned(
            track, expires: request.query["expires"], signature: request.query["sig"], at: time.now)
        guard let entry = try await gate.entry(for: track), entry.isHeard,
            let key = entry.original.flatMap({ BlobKey($0) })
        else { throw StreamFailure(.notFound, "There is no such track.") }
        // An upload's bytes never change either: without a digest its name is the tag.
        let wanted = Wanted(
            key: key, contentType: entry.contentType ?? "application/octet-stream", isText: false,
            tag: "\"\(entry.sha256 ?? String(key.path.suffix(64)))\"",
            fields: [("Cache-Control", "private, max-age=60"), ("X-Content-Type-Options", "nosniff")]
                + configuration.openCORS)
        return try await answer(try await open(wanted, size: entry.size), wanted, request)
    }

    /// A blob as the answer to `request`, for a room that decides by itself who may have it.
    package func send(
        _ key: BlobKey, contentType: String, tag: String, fields: [(String, String)], to request: Request
    ) async throws -> Response {
        let wanted = Wanted(
            key: key, contentType: contentType, isText: false, tag: tag, fields: fields + configuration.openCORS)
        return try await answer(try await open(wanted), wanted, request)
    }

    // MARK: Who may

    /// Judges the token before anything is said of the track, and expiry after everything else about the token.
    private func admitted(_ request: Request, to track: TrackID) async throws -> TrackGate.Entry {
        let text: String = try request.parameter("token")
        if text == "public" {
            guard let entry = try await gate.entry(for: track), entry.isPublic, entry.isHeard else {
                throw StreamFailure(.notFound, "There is no such track.")
            }
            return entry
        }
        let now = time.now
        let bytes = Array(text.utf8)
        if let known = hot.token(bytes.span, at: now), known.track == track, now.seconds < known.expires {
            return try await heard(track, tenant: known.tenant)
        }
        let token = try configuration.keys.verify(text, for: track, at: now)
        guard let entry = try await gate.entry(for: track) else {
            try token.checkExpiry(at: now)
            throw StreamFailure(.notFound, "There is no such track.")
        }
        guard entry.tenant == token.tenant else {
            throw StreamFailure(.badToken, "The playback link is not valid for this track.")
        }
        try token.checkExpiry(at: now)
        if let session = token.session, try await sessions.isRevoked(session) {
            throw StreamFailure(.expiredToken, "The playback link was revoked.")
        }
        hot.keep(
            Hot.Token(
                track: track, tenant: token.tenant, expires: token.expires, until: now + SessionGate.freshness,
                end: now + SessionGate.freshness * 2),
            for: bytes.span)
        return try await heard(track, tenant: token.tenant)
    }

    private func heard(_ track: TrackID, tenant: TenantID) async throws -> TrackGate.Entry {
        guard let entry = try await gate.entry(for: track), entry.tenant == tenant, entry.isHeard else {
            throw StreamFailure(.notFound, "There is no such track.")
        }
        return entry
    }
}

/// `/stream/`, byte by byte: the path is looked at where it was read.
private func isStream(_ path: Span<UInt8>) -> Bool {
    path[0] == UInt8(ascii: "/") && path[1] == UInt8(ascii: "s") && path[2] == UInt8(ascii: "t")
        && path[3] == UInt8(ascii: "r") && path[4] == UInt8(ascii: "e") && path[5] == UInt8(ascii: "a")
        && path[6] == UInt8(ascii: "m") && path[7] == UInt8(ascii: "/")
}

extension String {
    /// Nothing that could be read as two names.
    fileprivate var isPlainName: Bool {
        !hasPrefix(".") && utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "%") }
    }
}
