package import Core
package import Ledger

/// Writes what became true, in the transaction that made it so: the event's body, its place in the outbox, and for final
/// states of tracks the delivery to the core API with the job that carries it. Every stage uses this one writer.
package struct EventWriter: Sendable {
    package let links: TrackLinks
    /// Is there a core API that receives callbacks?
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
        if hasCore, CoreCallback.path(of: type, track: track.id) != nil {
            try tx.deliveries.insert(DeliveryRow(endpoint: CoreCallback.endpoint, event: event, trackID: track.id))
            try tx.jobs.enqueue(
                CoreCallback.job(
                    endpoint: CoreCallback.endpoint, track: track.id, tenant: track.tenant, requestID: request))
        }
        return event
    }

    /// An event of an upload. A file of the media API and a part of a concatenation have no track, and so no events.
    package func tell(_ type: EventType, of upload: UploadRow, in tx: Transaction) throws {
        guard upload.protocol != .part, let track = try tx.tracks.find(upload.trackID) else { return }
        try tell(type, of: track, upload: upload, requestID: upload.requestID, in: tx)
    }
}
