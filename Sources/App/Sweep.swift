import Core
import Ledger
import Storage

/// Removes encodings and originals that are out of reach: what `TrackRemoval` missed, and what grew old.
struct Sweep: Sendable {
    let ledger: any LedgerStore
    let store: any BlobStore
    /// What players are served from: it must not go on with what is gone.
    let shelf: any BlobShelf
    let node: NodeID
    let time: any TimeSource

    /// At start: what earlier lives of this node were building belongs to nobody. A store that is away keeps no node from
    /// starting: the rows say failed, and are swept when it is back.
    func leftovers() async throws {
        let (now, node) = (time.now, node)
        let stopped = try await ledger.read("sweep.stopped") { tx in
            try tx.generations.stopped(before: now, limit: 10_000)
        }
        for row in stopped where row.node == node {
            _ = try await ledger.write("sweep.stop") { tx in
                try tx.generations.setState(row.id, from: [.building, .staged], to: .failed)
            }
        }
        do {
            try await failed(before: time.now)
        } catch let failure as BlobFailure where failure.isPassing {
            return
        }
    }

    private static let batch = 100

    /// Old generations once the longest playback link that could name them has ended, those of tracks that are gone, and
    /// failed ones.
    func old(after age: Duration) async throws {
        let before = time.now - age
        try await removeEach("sweep.old", from: .old) { tx in
            try tx.generations.list(state: .old, unchangedSince: before, limit: Self.batch)
        }
        try await removeEach("sweep.unreachable", from: .old) { tx in
            try tx.generations.unreachable(limit: Self.batch)
        }
        try await failed(before: time.now)
    }

    /// Originals of deleted tracks, and those that a newer upload took the place of.
    func originals() async throws {
        while true {
            let keys = try await ledger.read("sweep.replaced") { tx in try tx.tracks.replaced(limit: Self.batch) }
            for key in keys { try await removeReplaced(key) }
            guard keys.count == Self.batch else { break }
        }
        var last: TrackID?
        while true {
            let after = last
            let rows = try await ledger.read("sweep.originals") { tx in
                try tx.tracks.left(after: after, limit: Self.batch)
            }
            for row in rows { try await removeOriginal(of: row) }
            guard rows.count == Self.batch else { return }
            last = rows.last?.id
        }
    }

    /// All that the store has of one deleted track. What a running encode still builds, that encode discards.
    func removeAll(of track: TrackID) async throws {
        let found = try await ledger.read("sweep.track") { tx -> (TrackRow, [GenerationRow], [String])? in
            guard let row = try tx.tracks.find(track), row.state == .deleted else { return nil }
            return (row, try tx.generations.of(track), try tx.tracks.replaced(of: track, limit: 1000))
        }
        guard let (row, generations, replaced) = found else { return }
        for one in generations where [.live, .old, .failed].contains(one.state) {
            try await remove(one, from: one.state)
        }
        for key in replaced { try await removeReplaced(key) }
        try await removeOriginal(of: row)
    }

    // MARK: One by one. The blobs first: a crash between leaves a row that is swept again.

    private func removeOriginal(of row: TrackRow) async throws {
        guard let text = row.originalKey else { return }
        try await delete(text)
        try await ledger.write("sweep.original") { tx in
            try tx.tracks.setOriginal(
                row.id, key: nil, contentType: row.contentType, size: row.size, sha256: row.sha256)
        }
    }

    private func removeReplaced(_ key: String) async throws {
        try await delete(key)
        try await ledger.write("sweep.replaced") { tx in try tx.tracks.forgetReplaced(key) }
    }

    private func delete(_ text: String) async throws {
        guard let key = BlobKey(text) else { return }
        try await store.delete(key)
        await shelf.forget(key)
    }

    private func failed(before moment: Timestamp) async throws {
        try await removeEach("sweep.failed", from: .failed) { tx in
            try tx.generations.list(state: .failed, unchangedSince: moment, limit: Self.batch)
        }
    }

    /// Batch after batch, until none is left.
    private func removeEach(
        _ name: StaticString, from state: GenerationState,
        _ list: @escaping @Sendable (Transaction) throws -> [GenerationRow]
    ) async throws {
        while true {
            let rows = try await ledger.read(name, list)
            for row in rows { try await remove(row, from: state) }
            guard rows.count == Self.batch else { return }
        }
    }

    private func remove(_ row: GenerationRow, from state: GenerationState) async throws {
        let prefix = BlobKey.generation(row.id, of: row.trackID)
        try await store.deleteAll(prefix: prefix.path + "/")
        await shelf.forget(prefix)
        _ = try await ledger.write("sweep.done") { tx in
            try tx.generations.setState(row.id, from: [state], to: .swept)
        }
    }
}
