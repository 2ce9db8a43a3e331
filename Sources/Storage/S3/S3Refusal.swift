internal import Core
internal import HTTPClient

/// What a store said instead of doing it, and what that means for us. Pure.
struct S3Refusal: Sendable {
    let status: Int
    /// Empty where the answer had no body, as those to HEAD.
    let code: String
    let said: String
    /// The region that the answer names.
    let region: String?
    /// The store's clock.
    let date: Timestamp?

    init(_ response: ClientResponse) {
        let body = XMLElement.parse(response.body)
        let error = body?.find("Error")
        status = response.status
        code = error?["Code"] ?? ""
        // A stranger's text: short, and on one line.
        said = String((error?["Message"] ?? "").prefix(300).map { $0.isNewline ? " " : $0 })
        region = response.fields["x-amz-bucket-region"] ?? error?["Region"] ?? error?["ExpectedRegion"]
        date = response.fields["Date"].flatMap(S3Dates.http)
    }

    /// The same request may succeed a little later.
    var isPassing: Bool {
        switch code {
        case "SlowDown", "SlowDownRead", "SlowDownWrite", "InternalError", "ServiceUnavailable", "RequestTimeout",
            "RequestTimeoutException", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded",
            "BandwidthLimitExceeded", "OperationAborted", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch",
            "PriorRequestNotComplete", "Busy", "TemporarilyUnavailable", "BucketAlreadyExistsAndReady":
            true
        case "NotImplemented": false
        default: status == 429 || status == 408 || status >= 500 && status != 501 && status != 507
        }
    }

    var isSkewed: Bool { code == "RequestTimeTooSkewed" || code == "RequestExpired" }

    var isExpired: Bool { ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"].contains(code) }

    /// Answers that a request gets when its region is not the bucket's.
    var concernsRegion: Bool {
        switch code {
        case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException",
            "TemporaryRedirect", "InvalidRegion":
            true
        // A region named at all beside an error that says nothing.
        default: code.isEmpty && (status == 301 || status == 307 || status == 400)
        }
    }

    /// `what` was tried, on `bucket`; `region` is the one that was used.
    func failure(_ what: String, bucket: String, region used: String) -> BlobFailure {
        switch code {
        case "SignatureDoesNotMatch":
            return mend(.wrongSecret, "The store does not accept our signature: the secret access key is wrong.")
        case "InvalidAccessKeyId", "InvalidAccessKey":
            return mend(.unknownKey, "The store does not know the access key id.")
        case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken":
            return mend(.expiredToken, "The session token is not valid any more: credentials must be renewed.")
        case "NoSuchBucket":
            return mend(.missingBucket, "The bucket \(bucket) does not exist: make it, or correct SLUICE_STORE.")
        case "RequestTimeTooSkewed", "RequestExpired":
            return mend(
                .clockOff, "This machine's clock is off by more than 15 minutes from the store's: set it right.")
        default: break
        }
        if concernsRegion, let region, region != used {
            return mend(
                .wrongRegion(region),
                "The bucket \(bucket) is in the region \(region), not \(used): set SLUICE_S3_REGION=\(region).")
        }
        if code == "PermanentRedirect" || status == 301 {
            return mend(
                .wrongRegion(nil), "The bucket \(bucket) is not in the region \(used): correct SLUICE_S3_REGION.")
        }
        if code.hasPrefix("QuotaExceeded") || code == "InsufficientCapacity" || code == "XMinioStorageFull"
            || status == 507
        {
            return BlobFailure(.full, "The store has no room for \(what): \(words).")
        }
        if isPassing { return BlobFailure(.away, "The store could not serve \(what): \(words).") }
        if status == 403 || status == 401 || code == "AccessDenied" {
            return mend(
                .noPermission,
                "The store forbids \(what): its policy for these credentials lacks that right on the bucket \(bucket).")
        }
        if status == 404 { return BlobFailure(.absent, "There is nothing at \(what).") }
        return BlobFailure(.refused, "The store refused \(what): \(words).")
    }

    private func mend(_ cause: BlobFailure.Cause, _ sentence: String) -> BlobFailure {
        BlobFailure(.away, sentence, cause: cause)
    }

    private var words: String {
        code.isEmpty ? "status \(status)" : said.isEmpty ? code : "\(code) (\(said))"
    }
}

extension BlobFailure {
    /// No answer came at all.
    init(_ failure: ClientFailure, _ what: String, host: String) {
        switch failure.kind {
        case .unresolved:
            self.init(.away, "The store's name \(host) cannot be resolved: \(failure.message)", cause: .unresolved)
        case .connect, .timeout(.connect), .refusedAddress:
            self.init(.away, "The store at \(host) cannot be reached: \(failure.message)", cause: .unreachable)
        case .tls:
            self.init(
                .away, "The store at \(host) does not prove that it is that host by TLS: \(failure.message)",
                cause: .tls)
        case .tooLarge: self.init(.refused, "\(what) is larger than it may be: \(failure.message)")
        case .invalid: self.init(.refused, "\(what) cannot be asked for: \(failure.message)")
        case .body: self.init(.refused, "\(what): \(failure.message)")
        case .cancelled: self.init(.away, "\(what) was given up.")
        case .timeout, .cut, .overloaded:
            self.init(.away, "The store at \(host) failed at \(what): \(failure.message)", cause: .unreachable)
        }
    }
}
