package import Core
package import Ledger

/// Tells the world what became true, in the transaction that made it so: the event's body, its place in the outbox, and
/// for final states of tracks the delivery to the core API with the job that carries it.
package struct Events: Sendable {
    package let links: TrackLinks
    /// Is there a core API to be told?
    package let hasCore: Bool

    package init(publicURL: String?, hasCore: Bool) {
        links = TrackLinks(base: publicURL)
        self.hasCore = hasCore
    }

    /// `track` as it is after the change. The upload is looked up where the caller has none at hand.
    @discardableResult
    package func tell(
        _ type: EventType, of track: TrackRow, upload: UploadRow? = nil, requestID: RequestID?, in tx: Transaction
    ) throws -> EventRow {
        let upload = try upload ?? track.uploadID.flatMap { try tx.uploads.find($0) }
        let request = requestID ?? upload?.requestID
        let event = try tx.outbox.append(
            tenant: track.tenant, type: type, trackID: track.id, requestID: request
        ) { id, sequence in
            EventBody(type: type, track: track, upload: upload, links: links, requestID: request)
                .json(id: id, sequence: sequence, at: tx.now).bytes
        }
        if hasCore, CallbackPath.of(type, track: track.id) != nil {
            try tx.deliveries.insert(DeliveryRow(endpoint: CallbackSender.core, event: event, trackID: track.id))
            try tx.jobs.enqueue(
                CallbackSender.job(
                    endpoint: CallbackSender.core, track: track.id, tenant: track.tenant, requestID: request))
        }
        return event
    }
}

/// Where the core API is told of it. Nil for what only streams and webhooks carry.
enum CallbackPath {
    static func of(_ type: EventType, track: TrackID) -> String? {
        let verb: String
        switch type {
        case .trackReady: verb = "stream-ready"
        case .trackFailed: verb = "stream-failed"
        case .trackQuarantined: verb = "quarantined"
        case .trackDeleted, .trackProgress, .uploadCompleted, .uploadCancelled, .uploadExpired: return nil
        }
        return "/api/v1/internal/tracks/\(track)/\(verb)"
    }
}
