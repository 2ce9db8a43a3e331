package import Core

/// What a token or key may do; the routes of each stand in the contracts.
package enum Permission: String, Sendable, CaseIterable {
    case uploadAudio = "UploadAudio"
    case streamAudio = "StreamAudio"
    case manageTracks = "ManageTracks"
    case admin = "Admin"
}

/// Who asks: proven by a token or a key.
package struct Principal: Sendable, Equatable {
    package let tenant: TenantID
    package let user: UserID
    package let permissions: Set<Permission>
    package let keyID: KeyID?

    package init(tenant: TenantID, user: UserID, permissions: Set<Permission>, keyID: KeyID? = nil) {
        self.tenant = tenant
        self.user = user
        self.permissions = permissions
        self.keyID = keyID
    }

    package func has(_ permission: Permission) -> Bool { permissions.contains(permission) }

    /// What crosses tenants is the operator's alone.
    package var isOperator: Bool { has(.admin) && tenant == .operatorsOwn }

    package func require(_ permission: Permission) throws(AccessFailure) {
        guard has(permission) else { throw AccessFailure(.forbidden(permission)) }
    }

    /// `UploadAudio` reaches what the same `sub` or key made, `ManageTracks` and `Admin` everything of the tenant.
    package func mayReach(tenant: TenantID, owner: UserID) -> Bool {
        self.tenant == tenant && (has(.manageTracks) || has(.admin) || has(.uploadAudio) && user == owner)
    }
}

/// Why somebody was not let in. Final: the same request will be refused again.
package struct AccessFailure: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case missing, malformed, wrong, expired
        case forbidden(Permission)
    }

    package let kind: Kind
    package init(_ kind: Kind) { self.kind = kind }

    package var refusal: Refusal {
        switch kind {
        case .missing:
            Refusal(
                .unauthorized, "The key is missing: send X-API-Key, or Authorization: Bearer.", fields: Self.challenge)
        case .malformed: Refusal(.unauthorized, "The Authorization field is not well formed.", fields: Self.challenge)
        case .wrong: Refusal(.unauthorized, "The key or token is wrong.", fields: Self.challenge)
        case .expired: Refusal(.unauthorized, "The key or token has expired.", fields: Self.challenge)
        case .forbidden(let permission): Refusal(.forbidden, "The key lacks \(permission.rawValue).")
        }
    }

    /// RFC 9110 §11.6.1: a 401 names how to come back.
    private static let challenge = [("WWW-Authenticate", "Bearer")]
}
