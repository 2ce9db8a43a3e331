package import Core
package import Events
package import Ledger

/// A track as the API shows it (contracts §4).
package enum TrackView {
    package static func json(_ track: TrackRow, links: TrackLinks) -> JSON {
        let offer = TrackOffer(track)
        let urls = links.open(track)
        return [
            "id": .string(track.id.text),
            "uploadId": .optional(track.uploadID?.text),
            "state": .string(track.state.rawValue),
            "stage": track.state == .processing ? .string(track.stage.rawValue) : .null,
            "progress": .number(track.state == .ready ? 1 : track.progress),
            "generation": .optional(track.generation?.text),
            "title": .string(track.title),
            "visibility": .string(track.visibility.rawValue),
            "publishAt": .optional(track.publishAt),
            "metadata": offer.metadata,
            "renditions": .array(offer.renditions),
            "loudness": offer.metadata["loudness"] ?? .null,
            "scan": offer.scan,
            "urls": [
                "hls": .optional(urls.hls), "lossless": .optional(urls.lossless), "opus": .optional(urls.opus),
                "dash": .optional(urls.dash), "waveform": .optional(urls.waveform), "cover": .optional(urls.cover),
            ],
            "createdAt": .string(track.createdAt.description),
            "readyAt": .optional(track.readyAt),
            "error": track.errorJSON,
        ]
    }
}
