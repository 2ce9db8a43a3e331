package import Core

/// Why something of an upload was refused or failed. The kinds are all there are; `refusal` answers each.
package struct IngestFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Equatable, Sendable {
        case invalid
        case notFound
        /// The body's bytes are others than its Content-Digest said.
        case checksumMismatch
        /// Other bytes are there already, or a newer request brings the same chunk.
        case conflict
        case incomplete(missing: [Int64])
        case protocolMismatch
        /// A request appends where the upload does not end.
        case offsetMismatch(expected: Int64, given: Int64)
        /// Another length than was said before, or than the bytes allow.
        case inconsistentLength
        /// It is complete, and takes no more.
        case completed
        /// More bytes came than the upload may have: it is over.
        case tooLong
        case cancelled, expired
        case tooLarge
        case unsupported
        case digestMismatch
        case idempotencyMismatch
        case quota(retryAfter: Duration)
        case full
        case overloaded(depth: Int, limit: Int, retryAfter: Duration)
        /// The client went away, or was too slow, in the middle of a body.
        case bodyEnded
        /// The upload's bytes cannot be read at this moment.
        case unreadable
        /// A sync failed: this upload is over, the next may do.
        case broken
        case failed(FailureCode)
        case `internal`
    }

    package let kind: Kind
    package let message: String
    /// The upload that the request was for is complete.
    package var isOfComplete = false
    /// The reason inside, for the log.
    package var cause: String?

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// A field that is not what it must be: names it, its value and what was expected.
    package init(field: String, value: String, expected: String) {
        self.init(.invalid, "\(field) is \(Self.shown(value)), expected \(expected).")
    }

    init(_ failure: SpoolFailure) {
        switch failure.kind {
        case .full: self.init(.full, FailureCode.insufficientStorage.sentence)
        case .broken: self.init(.broken, "The upload's bytes could not be made durable. Start a new upload.")
        case .unreadable: self.init(.unreadable, "The upload cannot be read now.")
        case .missing: self.init(.internal, "The upload's bytes are not here.")
        }
        cause = failure.message
    }

    init(_ reason: UploadMachine.Reason) {
        switch reason {
        case .cancelled: self.init(.cancelled, "The upload was cancelled.")
        case .expired: self.init(.expired, "The upload has expired.")
        case .tooLong: self.init(.tooLong, "More bytes came than the upload has.")
        case .unsupported: self.init(.unsupported, FailureCode.unsupportedFormat.sentence)
        case .digestMismatch: self.init(.digestMismatch, FailureCode.digestMismatch.sentence)
        case .broken: self.init(.broken, "The upload's bytes could not be made durable. Start a new upload.")
        }
    }

    package var description: String { message }

    /// The same request may succeed later.
    package var isPassing: Bool {
        switch kind {
        case .full, .overloaded, .quota, .unreadable, .bodyEnded, .incomplete, .internal: true
        case .invalid, .notFound, .checksumMismatch, .conflict, .protocolMismatch, .offsetMismatch, .inconsistentLength,
            .completed, .tooLong, .cancelled, .expired, .tooLarge,
            .unsupported,
            .digestMismatch, .idempotencyMismatch, .broken, .failed:
            false
        }
    }

    private static func shown(_ value: String) -> String {
        let text = String(value.prefix(80).map { $0.isNewline || $0 == "\0" ? " " : $0 })
        return text.isEmpty ? "empty" : text
    }
}

extension IngestFailure {
    /// The one place where a failure of this room becomes an answer.
    package var refusal: Refusal {
        switch kind {
        case .invalid, .bodyEnded: Refusal(.invalidRequest, message)
        case .notFound: Refusal(.notFound, message)
        case .checksumMismatch: Refusal(.checksumMismatch, message)
        case .conflict: Refusal(.chunkConflict, message)
        case .incomplete(let missing):
            Refusal(
                .uploadIncomplete, message,
                details: ["{\"missing\":[\(missing.map(String.init).joined(separator: ","))]}"])
        case .protocolMismatch: Refusal(.protocolMismatch, message)
        case .offsetMismatch(let expected, _):
            Refusal(.chunkConflict, message, fields: [("Upload-Offset", String(expected))])
        case .inconsistentLength: Refusal(.invalidRequest, message)
        case .completed: Refusal(.chunkConflict, message)
        case .tooLong: Refusal(.fileTooLarge, message)
        case .cancelled, .expired: Refusal(.expired, message)
        case .tooLarge: Refusal(.fileTooLarge, message)
        case .unsupported: Refusal(.unsupportedFormat, message)
        case .digestMismatch: Refusal(.digestMismatch, message)
        case .idempotencyMismatch: Refusal(.idempotencyMismatch, message)
        case .quota(let wait):
            Refusal(.uploadQuotaExceeded, message, fields: Self.retry(after: wait))
        case .full: Refusal(.insufficientStorage, message)
        case .overloaded(let depth, let limit, let wait):
            Refusal(
                .queueOverloaded, message,
                details: ["{\"queue\":\"finish\",\"queueDepth\":\(depth),\"maxQueueDepth\":\(limit)}"],
                fields: Self.retry(after: wait))
        case .unreadable: .unavailable(message, cause: cause ?? message)
        case .broken, .internal: Refusal(.internal, message, cause: cause)
        case .failed(let code): Refusal(code, message)
        }
    }

    /// Rounded up: who comes back at the second that is told is let in.
    private static func retry(after wait: Duration) -> [(String, String)] {
        [("Retry-After", String(max(1, (wait.microseconds + 999_999) / 1_000_000)))]
    }
}
