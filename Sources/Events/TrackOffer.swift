package import Core
package import Ledger

/// What a track's row offers. Renditions are JSON objects with a `codec`; `metadata` names the other files that exist.
package struct TrackOffer: Sendable, Equatable {
    package let renditions: [JSON]
    package let metadata: JSON
    package let scan: JSON
    package let isReady: Bool

    package init(_ track: TrackRow) {
        isReady = track.state == .ready && track.generation != nil
        renditions = Self.parsed(track.renditions).array ?? []
        metadata = Self.parsed(track.metadata)
        scan = Self.parsed(track.scan)
    }

    var hasAAC: Bool { isReady && has { $0.hasPrefix("aac") || $0.hasPrefix("mp4a") } }
    var hasFLAC: Bool { isReady && has { $0 == "flac" } }
    var hasOpus: Bool { isReady && has { $0 == "opus" } }
    var hasDASH: Bool { isReady && metadata["files"]?.array?.contains("manifest.mpd") ?? false }
    var hasPeaks: Bool { isReady && metadata["files"]?.array?.contains("peaks.json") ?? false }
    var hasCover: Bool { isReady && metadata["files"]?.array?.contains("cover.jpg") ?? false }

    private func has(_ codec: (String) -> Bool) -> Bool {
        renditions.contains { codec(($0["codec"]?.string ?? "").lowercased()) }
    }

    /// The pipeline wrote it; a row that it did not write offers nothing.
    private static func parsed(_ text: String?) -> JSON {
        guard let text else { return .null }
        return (try? JSON.parse(text)) ?? .null
    }
}

extension TrackRow {
    /// `{code,message}`, or null. The same in the API and in events.
    package var errorJSON: JSON {
        guard let code = errorCode else { return .null }
        return ["code": .string(code.rawValue), "message": .string(errorMessage ?? code.sentence)]
    }
}
