import Core

/// What became of one file.
struct UploadResult: Sendable {
    let path: String
    let id: String
    let track: TrackID
    let state: String
    let url: String?
    let error: (String, String)?
    let took: Duration
    let sinceLastByte: Duration

    var isFailed: Bool { ["failed", "quarantined", "cancelled", "expired"].contains(state) }

    var json: JSON {
        [
            "id": .string(id), "trackId": .string(track.text), "state": .string(state), "url": .optional(url),
            "error": error.map { ["code": .string($0.0), "message": .string($0.1)] } ?? .null, "file": .string(path),
        ]
    }

    /// For standard error; nil where it is not to be said.
    func lines(isJSON: Bool, isQuiet: Bool) -> String? {
        let name = ProgressLine.cut(path.split(separator: "/").last.map(String.init) ?? path, to: 60)
        if isFailed {
            let (code, message) = error ?? ("INTERNAL", "the upload is \(state)")
            return "sluice: \(name) is \(state)\n  why: \(message)    more: docs/errors.md#\(code)\n"
        }
        if isJSON || isQuiet { return nil }
        guard state == "ready" else { return "\(name)  \(state == "stored" ? "Stored" : "accepted")  \(track)\n" }
        let (took, since) = (Self.tenths(took), Self.tenths(sinceLastByte))
        return "\(name)  Ready in \(took) s (\(since) s after the last byte)  \(track)\n"
    }

    private static func tenths(_ duration: Duration) -> String {
        let tenths = Int((duration.inSeconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
