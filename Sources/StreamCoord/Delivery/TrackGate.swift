package import Core
package import Ledger
import Synchronization

/// What may be heard of a track just now, remembered for seconds so that segments do not ask the ledger. A change made by
/// this process is seen at once (`forget`), one made elsewhere within `freshness`.
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
        let sha256: String?
        let readAt: Timestamp
    }

    private struct State {
        var entries: [TrackID: Entry] = [:]
        /// Rises with every `forget`: what was read before one is not kept after it.
        var epoch: UInt64 = 0
    }

    package static let freshness = Duration.seconds(2)
    /// When there are more, all are dropped and read again as they are asked for.
    static let bound = 16_384

    private let ledger: any LedgerStore
    private let time: any TimeSource
    private let state = Mutex(State())

    package init(ledger: any LedgerStore, time: any TimeSource) {
        self.ledger = ledger
        self.time = time
    }

    /// Nil when there is no such track, or it is deleted.
    package func entry(for track: TrackID) async throws -> Entry? {
        let now = time.now
        let (known, epoch) = state.withLock { ($0.entries[track], $0.epoch) }
        if let known, now < known.readAt + Self.freshness, known.readAt <= now { return known }
        let read = try await ledger.read("delivery.track") { tx in try Self.read(track, in: tx, at: now) }
        state.withLock { state in
            guard state.epoch == epoch else { return }
            if state.entries.count >= Self.bound { state.entries.removeAll() }
            state.entries[track] = read
        }
        return read
    }

    package func forget(_ track: TrackID) {
        state.withLock { state in
            state.epoch += 1
            state.entries[track] = nil
        }
    }

    private static func read(_ track: TrackID, in tx: Transaction, at now: Timestamp) throws -> Entry? {
        guard let row = try tx.tracks.find(track), row.state != .deleted else { return nil }
        let isHeard = row.state == .ready && row.generation != nil && row.publishAt.map { $0 <= now } ?? true
        let visible = isHeard ? try tx.generations.of(track).filter { $0.state == .live || $0.state == .old } : []
        return Entry(
            tenant: row.tenant, isPublic: row.visibility == .public, isHeard: isHeard, live: row.generation,
            visible: Set(visible.map(\.id)), original: row.originalKey, contentType: row.contentType,
            sha256: row.sha256,
            readAt: now)
    }
}
