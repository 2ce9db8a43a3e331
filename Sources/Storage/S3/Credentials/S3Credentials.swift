package import Core

/// Who we are to the store. It prints neither the secret nor the token.
package struct S3Credentials: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    package let accessKey: String
    package let secret: String
    package let sessionToken: String?
    package let expires: Timestamp?

    package init(accessKey: String, secret: String, sessionToken: String? = nil, expires: Timestamp? = nil) {
        self.accessKey = accessKey
        self.secret = secret
        self.sessionToken = sessionToken
        self.expires = expires
    }

    package var description: String { "\(accessKey) <redacted>" }
    package var debugDescription: String { description }
}

/// One place where credentials may come from.
package protocol S3CredentialSource: Sendable {
    /// For sentences: "the environment".
    var name: String { get }
    /// Nil where this machine has no such source; a failure where it has one that does not work, and then no further
    /// source is asked: quietly becoming somebody else would surprise.
    func load() async throws(BlobFailure) -> S3Credentials?
}

/// Credentials that were written into a program or a test.
package struct FixedCredentials: S3CredentialSource {
    package let name = "fixed credentials"
    private let credentials: S3Credentials

    package init(_ credentials: S3Credentials) { self.credentials = credentials }

    package func load() async throws(BlobFailure) -> S3Credentials? { credentials }
}

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
package struct EnvironmentCredentials: S3CredentialSource {
    package let name = "the environment"
    private let environment: [String: String]

    package init(_ environment: [String: String]) { self.environment = environment }

    package func load() async throws(BlobFailure) -> S3Credentials? {
        switch (environment["AWS_ACCESS_KEY_ID"].full, environment["AWS_SECRET_ACCESS_KEY"].full) {
        case (nil, nil): return nil
        case (let key?, let secret?):
            return S3Credentials(accessKey: key, secret: secret, sessionToken: environment["AWS_SESSION_TOKEN"].full)
        case (nil, _):
            throw .noCredentials("AWS_SECRET_ACCESS_KEY is set but AWS_ACCESS_KEY_ID is not: set both or neither.")
        case (_, nil):
            throw .noCredentials("AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not: set both or neither.")
        }
    }
}

extension String? {
    /// An empty setting is none.
    var full: String? { self?.isEmpty == true ? nil : self }
}

extension BlobFailure {
    static func noCredentials(_ message: String) -> Self { BlobFailure(.away, message, cause: .noCredentials) }
}
