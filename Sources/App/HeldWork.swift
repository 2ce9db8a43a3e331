import Core
import Ledger
import StreamCoord

/// What an operator decides of a held file.
enum HeldDecision: String, Sendable {
    /// Looked at once more, with today's signatures; clean, it goes the ordinary way.
    case rescan
    /// Taken for clean on somebody's word.
    case release
    case delete
}

/// The job that carries out a decision. Bytes that are to be heard go the way of every finished upload, from the folder
/// where they are held.
struct HeldWork: Sendable {
    static let removal = "quarantine.delete"

    let row: String
    let decision: HeldDecision
    let by: String

    /// Nil for the job of an ordinary upload.
    init?(_ job: ClaimedJob) {
        guard let row = job.payload["held"],
            let decision = job.payload["decision"].flatMap({ HeldDecision(rawValue: $0) })
        else { return nil }
        self.row = row
        self.decision = decision
        by = job.payload["by"] ?? ""
    }

    /// The unique key of the job that carries out a decision.
    static func key(_ row: String) -> String { "held:\(row)" }

    /// False while an earlier decision is being carried out.
    static func enqueue(
        _ decision: HeldDecision, _ row: QuarantineRow, by user: UserID, _ request: RequestID, in tx: Transaction
    ) throws -> Bool {
        guard let upload = try row.uploadID.flatMap({ try tx.uploads.find($0) }) else {
            throw Refusal(.invalidRequest, "Its upload is gone, and its bytes with it.")
        }
        let isHeard = decision != .delete
        let made = try tx.jobs.enqueue(
            NewJob(
                kind: isHeard ? Pipeline.kind : removal, queue: isHeard ? .finish : .sweep, tenant: row.tenant,
                trackID: row.trackID, uploadID: upload.id,
                payload: ["held": row.id, "decision": decision.rawValue, "by": user.text],
                uniqueKey: key(row.id), pinnedNode: upload.node, requestID: request))
        guard made.isNew else { return false }
        if decision != .rescan {
            _ = try tx.quarantine.setState(row.id, from: .held, to: decision == .release ? .released : .deleted)
        }
        guard isHeard else { return true }
        guard let track = try tx.tracks.find(row.trackID), track.state == .quarantined, track.uploadID == upload.id
        else {
            throw Refusal(.invalidRequest, "No track waits for these bytes any more; they can only be deleted.")
        }
        _ = try tx.tracks.setUpload(track.id, upload.id)
        _ = try tx.tracks.setStage(track.id, .scanning, progress: 0)
        _ = try tx.uploads.setState(upload.id, from: [.quarantined], to: .verifying)
        return true
    }

    /// What the track says of its scan when it was released without one.
    func scan(of row: QuarantineRow?) -> JSON {
        [
            "verdict": "released", "by": .string(by),
            // Written by this program; what is no JSON is shown as it stands.
            "evidence": row.map { (try? JSON.parse($0.evidence)) ?? .string($0.evidence) } ?? .null,
        ]
    }
}
