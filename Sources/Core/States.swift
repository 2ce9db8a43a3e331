/// What an upload is to its client. Visible at every step, so that nothing ever sticks at 100 %.
///
///     receiving ─▶ verifying ─▶ scanning ─▶ processing ─▶ ready
///         │            └─────────────┴───────────┴─────▶ failed │ quarantined
///         └─▶ cancelled │ expired             stored: clean, and waiting for a prepare
package enum UploadState: String, Sendable, CaseIterable {
    case receiving, verifying, scanning, processing, stored, ready, failed, quarantined, cancelled, expired

    package var isFinal: Bool {
        switch self {
        case .ready, .failed, .quarantined, .cancelled, .expired: true
        case .receiving, .verifying, .scanning, .processing, .stored: false
        }
    }

    /// Its bytes serve nothing any more.
    package var hasEnded: Bool {
        switch self {
        case .failed, .cancelled, .expired: true
        case .receiving, .verifying, .scanning, .processing, .stored, .ready, .quarantined: false
        }
    }
}

package enum UploadProtocol: String, Sendable, CaseIterable {
    case tus, ietf, chunks, media, fetch
    /// A piece of a tus upload that is to be concatenated: no track, no quota of its own, gone with its time.
    case part = "tus-part"
}

/// `ready` while a live generation stands, whatever a newer one does.
package enum TrackState: String, Sendable, CaseIterable {
    case processing, ready, failed, quarantined, deleted
}

package enum TrackStage: String, Sendable, CaseIterable {
    case uploading, verifying, scanning, encoding, publishing
}

package enum Visibility: String, Sendable, CaseIterable {
    case `private`, `public`
}

package enum JobState: String, Sendable, CaseIterable {
    case queued, running, done, dead, cancelled
}

/// Weight chooses the queue when several have work (design: order of claiming).
package enum Queue: String, Sendable, CaseIterable {
    case deliver, finish, prepare, sweep

    package var weight: Int {
        switch self {
        case .deliver: 5
        case .finish: 3
        case .prepare: 2
        case .sweep: 1
        }
    }
}

/// building ─▶ staged ─▶ live ─▶ old ─▶ swept; or failed ─▶ swept.
package enum GenerationState: String, Sendable, CaseIterable {
    case building, staged, live, old, failed, swept
}

package enum DeliveryState: String, Sendable, CaseIterable {
    case pending, done, dead
}

package enum QuarantineState: String, Sendable, CaseIterable {
    case held, released, deleted
}

package enum EventType: String, Sendable, CaseIterable {
    case uploadCompleted = "upload.completed"
    case uploadCancelled = "upload.cancelled"
    case uploadExpired = "upload.expired"
    case trackProgress = "track.progress"
    case trackReady = "track.ready"
    case trackFailed = "track.failed"
    case trackQuarantined = "track.quarantined"
    case trackDeleted = "track.deleted"
}
