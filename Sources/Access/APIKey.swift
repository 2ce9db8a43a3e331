package import Core
import Crypto

/// A key as it is shown once: `slk_live_` and 48 hexadecimal digits. What is kept is its prefix, to find it by, and its
/// SHA-256; 192 random bits need no slower hash.
package struct APIKey: Sendable, CustomStringConvertible {
    package let text: String

    package static func make() -> APIKey { APIKey(unchecked: start + Hex.encode(Random.bytes(24))) }

    package init?(_ text: String) {
        guard text.hasPrefix(Self.start), text.utf8.count == Self.start.utf8.count + 48,
            Hex.decode(text.dropFirst(Self.start.count)) != nil
        else { return nil }
        self.text = text
    }

    private init(unchecked text: String) { self.text = text }

    package var prefix: String { String(text.prefix(Self.start.count + 12)) }
    package var hash: String { Hex.encode(SHA256.hash(text)) }
    package var description: String { prefix + "…" }

    package func matches(_ stored: StoredKey) -> Bool { constantTimeEqual(Array(hash.utf8), Array(stored.hash.utf8)) }

    private static let start = "slk_live_"
}

/// A key as the ledger keeps it.
package struct StoredKey: Sendable {
    package let id: KeyID
    package let tenant: TenantID
    package let hash: String
    package let permissions: Set<Permission>
    package let expires: Timestamp?

    package init(id: KeyID, tenant: TenantID, hash: String, permissions: Set<Permission>, expires: Timestamp?) {
        self.id = id
        self.tenant = tenant
        self.hash = hash
        self.permissions = permissions
        self.expires = expires
    }
}

/// Where keys are found. App supplies it from the ledger; revoked ones are not in it.
package protocol KeyDirectory: Sendable {
    func find(prefix: String) async throws -> [StoredKey]
}
