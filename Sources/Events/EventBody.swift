package import Core
package import Ledger

/// The body of callbacks, webhooks and event streams (contracts §6), format 1. Built once; those bytes are kept and signed.
package struct EventBody: Sendable {
    let type: EventType
    let track: TrackRow
    let upload: UploadRow?
    let links: TrackLinks
    let requestID: RequestID?

    package init(type: EventType, track: TrackRow, upload: UploadRow?, links: TrackLinks, requestID: RequestID?) {
        self.type = type
        self.track = track
        self.upload = upload
        self.links = links
        self.requestID = requestID
    }

    package func json(id: EventID, sequence: Int64, at now: Timestamp) -> JSON {
        [
            "id": .string(id.text),
            "type": .string(type.rawValue),
            "schema": 1,
            "sequence": .integer(sequence),
            "occurredAt": .string(now.description),
            "tenant": .string(track.tenant.text),
            "data": data,
        ]
    }

    /// Of what is only passing, and has no place in the outbox.
    package func passing(at now: Timestamp) -> JSON {
        [
            "type": .string(type.rawValue),
            "schema": 1,
            "occurredAt": .string(now.description),
            "tenant": .string(track.tenant.text),
            "data": data,
        ]
    }

    private var data: JSON {
        let offer = TrackOffer(track)
        let urls = links.open(track)
        var members: [(String, JSON)] = [
            ("trackId", .string(track.id.text)),
            ("uploadId", .optional((upload?.id ?? track.uploadID)?.text)),
            ("userId", .string(track.owner.text)),
            ("state", .string(track.state.rawValue)),
            ("sha256", .optional(bytes.sha256)),
            ("size", .optional(bytes.size)),
            ("durationMs", offer.metadata["durationMs"] ?? .null),
            ("hls", .optional(urls.hls)),
            ("dash", .optional(urls.dash)),
            ("lossless", .optional(urls.lossless)),
            ("opus", .optional(urls.opus)),
            ("renditions", .array(offer.isReady ? offer.renditions : [])),
            ("audio", audio(offer.metadata)),
            ("loudness", offer.metadata["loudness"] ?? .null),
            ("waveform", .optional(urls.waveform)),
            ("cover", .optional(urls.cover)),
            ("tags", offer.metadata["tags"] ?? .object([])),
            ("scan", offer.scan),
        ]
        if type == .trackProgress {
            members.append(("stage", .string(track.stage.rawValue)))
            members.append(("progress", .number(track.progress)))
        }
        if track.errorCode != nil { members.append(("error", track.errorJSON)) }
        members.append(("requestId", .optional(requestID?.text)))
        return .object(members)
    }

    /// An event of an upload describes the upload's bytes: a ready track that it is to replace has others.
    private var bytes: (sha256: String?, size: Int64?) {
        switch type {
        case .uploadCompleted, .uploadCancelled, .uploadExpired: (upload?.sha256, upload?.size)
        case .trackReady, .trackFailed, .trackQuarantined, .trackDeleted, .trackProgress:
            (track.sha256 ?? upload?.sha256, track.size ?? upload?.size)
        }
    }

    private func audio(_ metadata: JSON) -> JSON {
        guard metadata["codec"] != nil else { return .null }
        return .object(
            ["codec", "rate", "channels", "frames", "priming", "padding"].map { ($0, metadata[$0] ?? .null) })
    }
}
