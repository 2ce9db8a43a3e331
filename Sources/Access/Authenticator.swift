package import Core

/// Turns the fields of a request into who asks. One that brings both a key and a token is judged by the key.
package struct Authenticator: Sendable {
    private let tokens: BearerToken
    /// Tokens the CLI signs on the server's own machine; believed from loopback only.
    private let localTokens: BearerToken
    private let keys: any KeyDirectory
    private let time: any TimeSource

    package init(tokens: BearerToken, localSecret: [UInt8], keys: any KeyDirectory, time: any TimeSource) {
        self.tokens = tokens
        self.localTokens = BearerToken(secrets: [localSecret])
        self.keys = keys
        self.time = time
    }

    /// Throws `AccessFailure`, or the directory's own error when keys cannot be looked up.
    package func authenticate(authorization: String?, apiKey: String?, isLoopback: Bool) async throws -> Principal {
        if let apiKey { return try await principal(key: apiKey) }
        guard let authorization else { throw AccessFailure(.missing) }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", !parts[1].contains(" ") else {
            throw AccessFailure(.malformed)
        }
        do {
            return try tokens.principal(of: parts[1], at: time.now)
        } catch {
            guard isLoopback, error.kind == .wrong else { throw error }
            return try localTokens.principal(of: parts[1], at: time.now)
        }
    }

    private func principal(key text: String) async throws -> Principal {
        guard let key = APIKey(text) else { throw AccessFailure(.wrong) }
        guard let stored = try await keys.find(prefix: key.prefix).first(where: key.matches) else {
            throw AccessFailure(.wrong)
        }
        if let expires = stored.expires, expires <= time.now { throw AccessFailure(.expired) }
        return Principal(
            tenant: stored.tenant, user: UserID(checked: stored.id.text), permissions: stored.permissions,
            keyID: stored.id)
    }
}

extension UserID {
    /// Who the CLI is on the server's own machine.
    package static let local = UserID(checked: "local")
}
