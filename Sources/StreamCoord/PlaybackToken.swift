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
    private let previous: HMACKey?

    package init(current: [UInt8], previous: [UInt8]? = nil) {
        self.current = HMACKey(current)
        self.previous = previous.map { HMACKey($0) }
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
        let head = Base64.URL.encode(JSON.object([("alg", "HS256"), ("typ", "JWT")]).bytes)
        let signed = head + "." + Base64.URL.encode(JSON.object(claims).bytes)
        return signed + "." + Base64.URL.encode(current.code(Array(signed.utf8)))
    }

    /// Everything but expiry. One sentence for every fault: what exactly was wrong is nobody's business.
    package func verify(_ text: String, for track: TrackID, at now: Timestamp) throws(StreamFailure) -> PlaybackToken {
        guard let token = verified(text, at: now), token.track == track else {
            throw StreamFailure(.badToken, "The playback link is not valid for this track.")
        }
        return token
    }

    private func verified(_ text: String, at now: Timestamp) -> PlaybackToken? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard text.utf8.count <= 4096, parts.count == 3, let signature = Base64.URL.decode(String(parts[2]) ?? ""),
            isSigned(Array(text.utf8[..<parts[1].endIndex]), by: signature),
            let head = Self.object(parts[0]), head["alg"]?.string == "HS256",
            // RFC 7515 §4.1.11: extensions we must understand, and understand none of.
            head["crit"] == nil,
            let claims = Self.object(parts[1]), Self.isForPlayback(claims["aud"]),
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

    private static func object(_ part: Substring.UTF8View) -> JSON? {
        guard let bytes = Base64.URL.decode(String(part) ?? "") else { return nil }
        // What is no JSON is no token; which byte was wrong helps only a forger.
        return try? JSON.parse(bytes, depth: 4)
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
        current.verifies(code, of: message) || previous?.verifies(code, of: message) ?? false
    }
}
