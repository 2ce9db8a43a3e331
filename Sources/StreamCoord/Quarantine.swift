package import Core
package import Events
package import Ledger

/// Holds back what was not proven clean: the row with its evidence, the track off the air, and the event, all in the
/// caller's transaction. Nothing of such a file is ever in the blob store.
package enum QuarantineHold {
    /// `again` is the row of a file that was held before. Nil when the track is gone already: there is nobody to tell.
    @discardableResult
    package static func hold(
        _ track: TrackID, upload: UploadID?, reason: FailureCode, message: String, evidence: JSON,
        requestID: RequestID?, again: String? = nil, events: EventWriter, in tx: Transaction
    ) throws -> EventRow? {
        precondition([.infected, .suspicious, .unscannable].contains(reason), "no reason to hold: \(reason)")
        guard let row = try tx.tracks.find(track) else { return nil }
        var machine = TrackMachine(state: row.state, hasLive: row.generation != nil)
        guard machine.apply(.held) else { return nil }
        if let live = row.generation { _ = try tx.generations.setState(live, from: [.live], to: .old) }
        guard try tx.tracks.quarantine(track, code: reason, message: message, scan: evidence.text) else { return nil }
        if let again {
            try tx.quarantine.setFinding(again, reason: reason, evidence: evidence.text)
        } else {
            try tx.quarantine.insert(
                QuarantineRow(
                    trackID: track, uploadID: upload, tenant: row.tenant, reason: reason, evidence: evidence.text,
                    at: tx.now))
        }
        if let upload {
            _ = try tx.uploads.setState(
                upload, from: [.receiving, .verifying, .scanning, .processing, .stored], to: .quarantined,
                error: (reason, message))
        }
        guard let held = try tx.tracks.find(track) else { return nil }
        return try events.tell(.trackQuarantined, of: held, requestID: requestID, in: tx)
    }
}
