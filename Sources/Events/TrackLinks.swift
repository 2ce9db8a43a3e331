import Core
package import Ledger

/// The addresses of what a track has to offer, from its row alone: paths, absolute only where a public address is known.
package struct TrackLinks: Sendable {
    /// `https://audio.example` without a slash at its end; nil gives paths.
    package let base: String?

    package init(base: String?) { self.base = base }

    /// With the token left open as `{token}`, unless everybody may listen.
    package func open(_ track: TrackRow) -> Links {
        links(track, token: track.visibility == .public ? "public" : "{token}")
    }

    package func links(_ track: TrackRow, token: String) -> Links {
        let folder = "\(base ?? "")/stream/\(token)/\(track.id)/"
        let offer = TrackOffer(track)
        func link(_ isThere: Bool, _ name: String) -> String? { isThere ? folder + name : nil }
        return Links(
            hls: link(offer.hasAAC, "index.m3u8"), lossless: link(offer.hasFLAC, "lossless.m3u8"),
            opus: link(offer.hasOpus, "opus.m3u8"), dash: link(offer.hasDASH, "manifest.mpd"),
            waveform: link(offer.hasPeaks, "peaks.json"), cover: link(offer.hasCover, "cover.jpg"))
    }

    package struct Links: Sendable, Equatable {
        package let hls: String?
        package let lossless: String?
        package let opus: String?
        package let dash: String?
        package let waveform: String?
        package let cover: String?
    }
}
