import Access
package import Core
import Crypto

/// A playback token that was verified: who may hear which track until when. Its text never reaches a log.
package struct PlaybackToken: Sendable, Equatable {
    package let track: TrackID
    package let tenant: TenantID
    package let session: String?
    /// Seconds since 1970, as in the token.
    package let expires: Int64

    package init(track: TrackID, tenant: TenantID, session: String?, expires: Int64) {
        self.track = track
        self.tenant = tenant
        self.session = session
        self.expires = expires
    }

    /// Judged last, after everything that makes a token a forgery.
    package func checkExpiry(at now: Timestamp) throws(StreamFailure) {
        guard now.seconds < expires else { throw StreamFailure(.expiredToken, "The playback link has expired.") }
    }
}

/// The secrets that playback tokens and presigned links are made and judged with. The previous one verifies only.
package struct PlaybackKeys: Sendable, CustomStringConvertible {
    private let current: HMACKey
    /// The current one first.
    private let believed: [HMACKey]

    package init(current: [UInt8], previous: [UInt8]? = nil) {
        self.current = HMACKey(current)
        believed = [self.current] + (previous.map { [HMACKey($0)] } ?? [])
    }

    package var description: String { "<redacted>" }

    // MARK: Tokens

    package func mint(_ token: PlaybackToken, issuedAt: Timestamp, subject: String? = nil) -> String {
        var claims: [(String, JSON)] = [
            ("aud", "playback"), ("track", .string(token.track.text)), ("tenant", .string(token.tenant.text)),
            ("iat", .integer(issuedAt.seconds)), ("exp", .integer(token.expires)),
        ]
        if let session = token.session { claims.append(("sid", .string(session))) }
        if let subject { claims.append(("sub", .string(subject))) }
        return JWT.sign(.object(claims), key: current)
    }

    /// Everything but expiry. One sentence for every fault: what exactly was wrong is nobody's business.
    package func verify(_ text: String, for track: TrackID, at now: Timestamp) throws(StreamFailure) -> PlaybackToken {
        guard let token = verified(text, at: now), token.track == track else {
            throw StreamFailure(.badToken, "The playback link is not valid for this track.")
        }
        return token
    }

    private func verified(_ text: String, at now: Timestamp) -> PlaybackToken? {
        guard let claims = JWT.verify(text, keys: believed), Self.isForPlayback(claims["aud"]),
            let track = claims["track"]?.string.flatMap({ TrackID($0) }), let expires = claims["exp"]?.integer
        else { return nil }
        if let begins = claims["nbf"] {
            guard let begins = begins.double, begins <= Double(now.seconds) else { return nil }
        }
        var tenant = TenantID.operatorsOwn
        if let named = claims["tenant"] ?? claims["organization_id"] {
            guard let named = named.string.flatMap({ TenantID($0) }) else { return nil }
            tenant = named
        }
        return PlaybackToken(track: track, tenant: tenant, session: claims["sid"]?.string, expires: expires)
    }

    /// RFC 7519 §4.1.3: one string, or a list that holds it.
    private static func isForPlayback(_ audience: JSON?) -> Bool {
        audience?.string == "playback" || audience?.array?.contains("playback") ?? false
    }

    // MARK: Presigned originals

    /// Hex HMAC-SHA256 of `id|expires`.
    package func presign(_ track: TrackID, expires: Int64) -> String {
        Hex.encode(current.code(Array("\(track)|\(expires)".utf8)))
    }

    package func verifyPresigned(
        _ track: TrackID, expires: String?, signature: String?, at now: Timestamp
    ) throws(StreamFailure) {
        guard let expires, let signature, let moment = Self.decimal(expires) else {
            throw StreamFailure(.invalidRequest, "A presigned link needs expires, in seconds, and sig.")
        }
        guard let code = Hex.decode(signature), isSigned(Array("\(track)|\(expires)".utf8), by: code) else {
            throw StreamFailure(.badToken, "The signature is not that of this link.")
        }
        guard now.seconds < moment else { throw StreamFailure(.expiredToken, "The link has expired.") }
    }

    private static func decimal(_ text: String) -> Int64? {
        text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) ? Int64(text) : nil
    }

    private func isSigned(_ message: [UInt8], by code: [UInt8]) -> Bool {
        believed.contains { $0.verifies(code, of: message) }
    }
}
