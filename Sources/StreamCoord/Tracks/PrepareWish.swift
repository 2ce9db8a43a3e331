import Core

/// What a prepare asks for, checked for its form.
struct PrepareWish: Sendable, Equatable {
    let upload: UploadID
    let profile: String?
    let visibility: Visibility?
    let publishAt: Timestamp?

    init(_ body: RequestBody) throws {
        guard let source = body["source"], let members = source.members, members.count == 1, let only = members.first
        else {
            throw StreamFailure(.invalidRequest, "source must be an object with one of uploadId, object and url.")
        }
        switch only.0 {
        case "uploadId":
            guard let id = only.1.string.flatMap({ UploadID($0) }) else {
                throw StreamFailure(.invalidRequest, "source.uploadId must be the id of an upload.")
            }
            upload = id
        case "object", "url":
            throw StreamFailure(
                .unsupportedSource, "A track is prepared from an upload; \(only.0) is not allowed here.")
        default:
            throw StreamFailure(.invalidRequest, "source must be an object with one of uploadId, object and url.")
        }
        profile = try body.value("profile", "the name of a profile", \.string)
        visibility = try body.value("visibility", "private or public") {
            $0.string.flatMap { Visibility(rawValue: $0) }
        }
        publishAt = try body.value("publishAt", "a time like 2026-11-21T10:00:00Z") {
            $0.string.flatMap { Dates.rfc3339($0) }
        }
    }

    /// What the track has already. Another source or profile would be another run.
    func mustBeSame(upload known: UploadID?, profile current: String?) throws(StreamFailure) {
        guard upload == known else {
            throw StreamFailure(
                .unsupportedSource,
                "The track is made from \(known?.text ?? "no upload"), the source says \(upload). Upload to the track instead."
            )
        }
        if let profile, let current, profile != current {
            throw StreamFailure(
                .unsupportedSource, "The track has the profile \(current); it cannot be prepared as \(profile).")
        }
    }
}
