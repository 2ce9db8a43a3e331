package import Core
package import Ledger

/// What may be heard of a track just now, remembered for seconds so that segments do not ask the ledger, and for longer
/// while the ledger is away. A change made by this process is seen at once (`forget`), one made elsewhere within
/// `freshness` of a ledger that answers.
package final class TrackGate: Sendable {
    package struct Entry: Sendable, Equatable {
        let tenant: TenantID
        let isPublic: Bool
        /// Ready, and its time has come; nothing of it is heard else.
        let isHeard: Bool
        let live: GenerationID?
        /// The live one and old ones that are not swept yet: players go on with what they began.
        let visible: Set<GenerationID>
        let original: String?
        let contentType: String?
        let size: Int64?
        let sha256: String?
        /// The moment from which it may be relied on for `freshness`.
        var goodAt: Timestamp
    }

    package static let freshness = Duration.seconds(2)

    private let memory: LedgerMemory<TrackID, Entry>

    package init(ledger: any LedgerStore, time: any TimeSource, absence: LedgerAbsence) {
        memory = LedgerMemory(freshness: Self.freshness, time: time, absence: absence) { track in
            let now = time.now
            return try await ledger.read("delivery.track") { tx in try Self.read(track, in: tx, at: now) }
        }
    }

    /// Nil when there is no such track, or it is deleted.
    package func entry(for track: TrackID) async throws -> Entry? {
        guard let kept = try await memory.value(for: track) else { return nil }
        var entry = kept.value
        entry.goodAt = kept.goodAt
        return entry
    }

    package func forget(_ track: TrackID) { memory.forget(track) }

    private static func read(_ track: TrackID, in tx: Transaction, at now: Timestamp) throws -> Entry? {
        guard let row = try tx.tracks.find(track), row.state != .deleted else { return nil }
        let isHeard = row.state == .ready && row.generation != nil && row.publishAt.map { $0 <= now } ?? true
        let visible = isHeard ? try tx.generations.of(track).filter { $0.state == .live || $0.state == .old } : []
        return Entry(
            tenant: row.tenant, isPublic: row.visibility == .public, isHeard: isHeard, live: row.generation,
            visible: Set(visible.map(\.id)), original: row.originalKey, contentType: row.contentType,
            size: row.size, sha256: row.sha256, goodAt: now)
    }
}
