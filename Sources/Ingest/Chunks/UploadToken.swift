import Access
import Core
import Crypto
package import Ledger

/// The token in `urls.upload`: a JWT (`aud` "upload") that any core API can mint too, good for one upload and no key.
package struct UploadToken: Sendable {
    /// The first signs; the others are still believed while secrets rotate. Hashed once: every chunk's token is checked.
    private let keys: [HMACKey]

    package init(secrets: [[UInt8]]) {
        precondition(!secrets.isEmpty, "no secret to sign with")
        keys = secrets.map { HMACKey($0) }
    }

    package func make(for row: UploadRow) -> String {
        JWT.sign(
            .object([
                ("aud", "upload"), ("upload", .string(row.id.text)), ("tenant", .string(row.tenant.text)),
                ("size", .optional(row.size)), ("exp", .integer(row.expiresAt.seconds)),
            ]), key: keys[0])
    }

    func visitor(_ text: String, upload: UploadID, now: Timestamp) throws(Refusal) -> UploadVisitor {
        let refused = Refusal(.unauthorized, "The upload's token is not good for this upload, or has expired.")
        guard let claims = JWT.verify(text, keys: keys), claims["aud"]?.string == "upload",
            claims["upload"]?.string == upload.text,
            let expiry = claims["exp"]?.integer, expiry > now.seconds
        else { throw refused }
        // A token without a tenant is of the operator's own.
        guard let claim = claims["tenant"] else {
            return .holder(upload: upload, tenant: .operatorsOwn, size: claims["size"]?.integer)
        }
        guard let tenant = claim.string.flatMap({ TenantID($0) }) else { throw refused }
        return .holder(upload: upload, tenant: tenant, size: claims["size"]?.integer)
    }
}
