/// Every code the outside can be answered with, its status, what it means and what to do. Nothing else answers a failure.
package enum FailureCode: String, Error, Sendable, CaseIterable {
    case invalidRequest = "INVALID_REQUEST"
    case checksumMismatch = "CHECKSUM_MISMATCH"
    case unauthorized = "UNAUTHORIZED"
    case forbidden = "FORBIDDEN"
    case notFound = "NOT_FOUND"
    case methodNotAllowed = "METHOD_NOT_ALLOWED"
    case chunkConflict = "CHUNK_CONFLICT"
    case uploadIncomplete = "UPLOAD_INCOMPLETE"
    case protocolMismatch = "PROTOCOL_MISMATCH"
    case trackProcessing = "TRACK_PROCESSING"
    case notPublished = "NOT_PUBLISHED"
    case expired = "EXPIRED"
    case fileTooLarge = "FILE_TOO_LARGE"
    case unsupportedFormat = "UNSUPPORTED_FORMAT"
    case misdirected = "MISDIRECTED"
    case durationExceeded = "DURATION_EXCEEDED"
    case digestMismatch = "DIGEST_MISMATCH"
    case idempotencyMismatch = "IDEMPOTENCY_MISMATCH"
    case urlNotAllowed = "URL_NOT_ALLOWED"
    case uploadQuotaExceeded = "UPLOAD_QUOTA_EXCEEDED"
    case rateLimited = "RATE_LIMITED"
    case `internal` = "INTERNAL"
    case queueOverloaded = "QUEUE_OVERLOADED"
    case scannerUnavailable = "SCANNER_UNAVAILABLE"
    case unavailable = "UNAVAILABLE"
    case insufficientStorage = "INSUFFICIENT_STORAGE"
    // In `error` fields of uploads and tracks; 422 where a request waits for the verdict.
    case infected = "INFECTED"
    case suspicious = "SUSPICIOUS"
    case unscannable = "UNSCANNABLE"
    case corruptMedia = "CORRUPT_MEDIA"

    package var status: Int {
        switch self {
        case .invalidRequest, .checksumMismatch: 400
        case .unauthorized: 401
        case .forbidden: 403
        case .notFound: 404
        case .methodNotAllowed: 405
        case .chunkConflict, .uploadIncomplete, .protocolMismatch, .trackProcessing, .notPublished: 409
        case .expired: 410
        case .fileTooLarge: 413
        case .unsupportedFormat: 415
        case .misdirected: 421
        case .durationExceeded, .digestMismatch, .idempotencyMismatch, .urlNotAllowed: 422
        case .infected, .suspicious, .unscannable, .corruptMedia: 422
        case .uploadQuotaExceeded, .rateLimited: 429
        case .internal: 500
        case .queueOverloaded, .scannerUnavailable, .unavailable: 503
        case .insufficientStorage: 507
        }
    }

    /// What happened, for a reader who has only this line; the one who throws says it with the actual values.
    package var sentence: String {
        switch self {
        case .invalidRequest: "The request is not well formed."
        case .checksumMismatch: "The checksum differs from the bytes that came."
        case .unauthorized: "The key is missing, wrong or expired."
        case .forbidden: "The key lacks the permission this needs."
        case .notFound: "There is no such thing here."
        case .methodNotAllowed: "This address does not know that method."
        case .chunkConflict: "The chunk has other bytes already."
        case .uploadIncomplete: "Chunks are missing."
        case .protocolMismatch: "The upload was begun with another protocol."
        case .trackProcessing: "The track is not ready yet."
        case .notPublished: "The track is not published yet."
        case .expired: "It has ended."
        case .fileTooLarge: "The file is larger than the limit."
        case .unsupportedFormat: "The bytes are of no format that is read here."
        case .misdirected: "The bytes of this upload lie on another node."
        case .durationExceeded: "The audio is longer than the limit."
        case .digestMismatch: "The whole differs from its declared SHA-256."
        case .idempotencyMismatch: "The Idempotency-Key was used for other contents."
        case .urlNotAllowed: "The address is not one that may be called."
        case .uploadQuotaExceeded: "The quota of uploads is used up."
        case .rateLimited: "Too many requests."
        case .internal: "Something went wrong on our side."
        case .queueOverloaded: "The queue is full."
        case .scannerUnavailable: "Nothing can be proven clean now; files wait."
        case .unavailable: "The database or the store is temporarily unavailable."
        case .insufficientStorage: "The server's disk is full."
        case .infected: "A virus was found. The file is held back and never published."
        case .suspicious: "The file is suspicious. It is held back and never published."
        case .unscannable: "The file could not be proven clean. It is held back and never published."
        case .corruptMedia: "The audio is broken or ends early."
        }
    }

    package var remedy: String {
        switch self {
        case .invalidRequest: "Correct the request and send it again."
        case .checksumMismatch: "Send it again."
        case .unauthorized: "Make a key: sluice keys create --name NAME."
        case .forbidden: "Make a key with the permission: sluice keys create --permissions ..."
        case .notFound: "Check the id and the tenant."
        case .methodNotAllowed: "Use a method that the Allow field names."
        case .chunkConflict, .expired, .digestMismatch: "Start a new upload."
        case .uploadIncomplete: "Send the missing chunks, then complete."
        case .protocolMismatch: "Go on with the protocol it was begun with."
        case .trackProcessing: "Wait for the callback, or ask again."
        case .notPublished: "Ask again once it is out."
        case .fileTooLarge: "Shorten it, or raise SLUICE_MAX_UPLOAD_AUDIO_MB."
        case .unsupportedFormat: "Convert it to one of the formats that /api/v1/upload/limits names."
        case .misdirected: "Send it to the address in this answer."
        case .durationExceeded: "Shorten it, or raise SLUICE_MAX_DURATION."
        case .idempotencyMismatch: "Use a new key for new contents."
        case .urlNotAllowed: "Use a public address, or name its network in SLUICE_CALLBACK_ALLOW."
        case .uploadQuotaExceeded, .rateLimited, .queueOverloaded: "Wait as Retry-After says."
        case .internal: "Try again; if it stays, report the request id."
        case .scannerUnavailable: "Run sluice doctor on the server."
        case .unavailable: "Retry the request after the seconds in Retry-After."
        case .insufficientStorage: "Free space on the server and send again; an upload goes on where it stopped."
        case .infected, .suspicious, .unscannable: "See the quarantine."
        case .corruptMedia: "Export it again."
        }
    }
}

/// What is answered when something fails: a code and the sentence with the actual values in it. Stages throw kinds of
/// their own; App turns each into one of these in a single exhaustive switch.
package struct Refusal: Error, Sendable {
    package let code: FailureCode
    package let message: String
    /// JSON texts, one a detail: `{"missing":[1,2]}`.
    package let details: [String]
    /// Response fields that belong to the answer: `Retry-After`, `Allow`, `Upload-Offset`.
    package let fields: [(String, String)]
    /// Further members of `error`, each a JSON text: `retryAfterMs`.
    package let members: [(String, String)]
    /// The reason inside, for the log. No client sees it.
    package let cause: String?

    package init(
        _ code: FailureCode, _ message: String? = nil, details: [String] = [], fields: [(String, String)] = [],
        members: [(String, String)] = [], cause: String? = nil
    ) {
        self.cause = cause
        self.code = code
        self.message = message ?? code.sentence
        self.details = details
        self.fields = fields
        self.members = members
    }
}

extension Refusal {
    /// The database or the store cannot be reached at the moment.
    package static func unavailable(_ message: String? = nil, cause: String? = nil) -> Refusal {
        Refusal(.unavailable, message, fields: [("Retry-After", "5")], cause: cause)
    }

    /// The work for a request was cancelled: its client has left, or the server stops.
    package static var stopping: Refusal {
        .unavailable("The server is stopping. Retry the request.")
    }

    /// What the log says about a failure of this service. Nil for a refusal that the client caused.
    package var fault: String? {
        switch code {
        case .internal: cause ?? message
        case .unavailable: cause
        default: nil
        }
    }
}
