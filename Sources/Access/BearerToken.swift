package import Core
import Crypto

/// What an API token must say (contracts: Auth). Tokens come from the core API, or from `sluice token` and the CLI.
package struct BearerToken: Sendable {
    /// The current one, then the previous while it is rotated out.
    private let keys: [HMACKey]
    private let issuer: String?
    private let audience: String?

    package init(secrets: [[UInt8]], issuer: String? = nil, audience: String? = nil) {
        keys = secrets.map { HMACKey($0) }
        self.issuer = issuer
        self.audience = audience
    }

    package static func make(
        subject: UserID, tenant: TenantID, permissions: [Permission], expires: Timestamp, issued: Timestamp,
        issuer: String? = nil, audience: String? = nil, secret: [UInt8]
    ) -> String {
        var claims: [(String, JSON)] = [
            ("sub", .string(subject.text)), ("tenant", .string(tenant.text)), ("type", "access"),
            ("permissions", .array(permissions.map { .string($0.rawValue) })), ("iat", .integer(issued.seconds)),
            ("exp", .integer(expires.seconds)),
        ]
        if let issuer { claims.append(("iss", .string(issuer))) }
        if let audience { claims.append(("aud", .string(audience))) }
        return JWT.sign(.object(claims), secret: secret)
    }

    package func principal(of text: some StringProtocol, at now: Timestamp) throws(AccessFailure) -> Principal {
        guard let claims = JWT.verify(text, keys: keys) else { throw AccessFailure(.wrong) }
        guard claims["type"]?.string == "access", let expires = claims["exp"]?.integer,
            let user = claims["sub"]?.string.flatMap({ UserID($0) })
        else { throw AccessFailure(.wrong) }
        if let issuer, claims["iss"]?.string != issuer { throw AccessFailure(.wrong) }
        if let audience, claims["aud"]?.string != audience, claims["aud"]?.array?.contains(.string(audience)) != true {
            throw AccessFailure(.wrong)
        }
        guard expires > now.seconds else { throw AccessFailure(.expired) }
        if let begins = claims["nbf"] {
            guard let begins = begins.integer, begins <= now.seconds else { throw AccessFailure(.wrong) }
        }
        return Principal(tenant: try Self.tenant(of: claims), user: user, permissions: Self.permissions(of: claims))
    }

    /// A token without tenant is the operator's own; one whose tenant is no id is nobody's.
    private static func tenant(of claims: JSON) throws(AccessFailure) -> TenantID {
        guard let named = claims["tenant"] ?? claims["organization_id"] else { return .operatorsOwn }
        guard let tenant = named.string.flatMap({ TenantID($0) }) else { throw AccessFailure(.wrong) }
        return tenant
    }

    /// Names that are not ours belong to other services of the platform.
    private static func permissions(of claims: JSON) -> Set<Permission> {
        Set((claims["permissions"]?.array ?? []).compactMap { $0.string.flatMap(Permission.init) })
    }
}
