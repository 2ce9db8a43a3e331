package import Core

/// Why this room did not do it. Each kind has its answer below, in one switch.
package struct StreamFailure: Error, Sendable, Equatable {
    package enum Kind: Sendable, Hashable, CaseIterable {
        /// Tampered, of another track or tenant, or never valid. Judged before expiry, so that a forger learns nothing.
        case badToken
        case expiredToken
        case notFound
        case invalidRequest
        case notReady
        case notPublished
        /// A source that cannot be prepared from.
        case unsupportedSource
        case tooManyStreams
        /// The store or the ledger was away.
        case away
        /// Something of ours that must not happen.
        case fault
    }

    package let kind: Kind
    package let message: String
    /// The reason inside, for the log.
    package let cause: String?

    package init(_ kind: Kind, _ message: String, cause: String? = nil) {
        self.kind = kind
        self.message = message
        self.cause = cause
    }

    /// May the same request succeed by itself, later?
    package var isPassing: Bool {
        switch kind {
        case .notReady, .notPublished, .tooManyStreams, .away: true
        case .badToken, .expiredToken, .notFound, .invalidRequest, .unsupportedSource, .fault: false
        }
    }

    package var refusal: Refusal {
        switch kind {
        case .badToken: Refusal(.forbidden, message)
        case .expiredToken: Refusal(.expired, message)
        case .notFound: Refusal(.notFound, message)
        case .invalidRequest: Refusal(.invalidRequest, message)
        case .notReady: Refusal(.trackProcessing, message)
        case .notPublished: Refusal(.notPublished, message)
        case .unsupportedSource: Refusal(.urlNotAllowed, message)
        case .tooManyStreams: Refusal(.rateLimited, message, fields: [("Retry-After", "30")])
        case .away: .unavailable(message, cause: cause ?? message)
        case .fault: Refusal(.internal, message, cause: cause)
        }
    }
}
