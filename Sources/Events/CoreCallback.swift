package import Core
package import Ledger

/// How events reach the core API: the endpoint's name, the job that carries them, and the address of each type.
package enum CoreCallback {
    /// The kind of the job; StreamCoord handles it.
    package static let kind = "deliver"
    package static let endpoint = "core"

    /// One job for each pair of endpoint and track.
    package static func job(
        endpoint: String, track: TrackID, tenant: TenantID, requestID: RequestID?, runAt: Timestamp? = nil
    ) -> NewJob {
        NewJob(
            kind: kind, queue: .deliver, tenant: tenant, trackID: track, payload: ["endpoint": endpoint],
            uniqueKey: "\(kind):\(endpoint):\(track)", runAt: runAt, requestID: requestID)
    }

    /// A delivery that is pending again is due: its job is enqueued, or the one that waits for a later time goes on now.
    package static func resume(_ delivery: DeliveryRow, in tx: Transaction) throws {
        try tx.jobs.enqueueNow(
            job(
                endpoint: delivery.endpoint, track: delivery.trackID, tenant: delivery.tenant, requestID: nil))
    }

    /// Returns nil for types that only streams and webhooks carry.
    package static func path(of type: EventType, track: TrackID) -> String? {
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
