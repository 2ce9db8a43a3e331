import Core
import Ledger
import Storage

/// Removes encodings that nobody will hear any more.
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

    /// Old generations once the longest playback link that could name them has ended, those of tracks that are gone, and
    /// failed ones.
    func old(after age: Duration) async throws {
        let before = time.now - age
        let rows = try await ledger.read("sweep.old") { tx in
            try tx.generations.list(state: .old, unchangedSince: before, limit: 100)
        }
        for row in rows { try await remove(row, from: [.old]) }
        let minute = time.now - .seconds(60)
        let unreachable = try await ledger.read("sweep.unreachable") { tx in
            try tx.generations.unreachable(since: minute, limit: 100)
        }
        for row in unreachable { try await remove(row, from: [.old]) }
        try await failed(before: time.now - .seconds(60))
    }

    /// Originals of deleted tracks, and those that a newer upload took the place of. The blob first: a crash between leaves a
    /// row that is swept again.
    func originals() async throws {
        while true {
            let keys = try await ledger.read("sweep.replaced") { tx in try tx.tracks.replaced(limit: 100) }
            for text in keys {
                if let key = BlobKey(text) { try await removeOriginal(key) }
                try await ledger.write("sweep.replaced") { tx in try tx.tracks.forgetReplaced(text) }
            }
            guard keys.count == 100 else { break }
        }
        var last: TrackID?
        while true {
            let after = last
            let rows = try await ledger.read("sweep.originals") { tx in try tx.tracks.left(after: after, limit: 100) }
            for row in rows {
                if let key = row.originalKey.flatMap({ BlobKey($0) }) { try await removeOriginal(key) }
                try await ledger.write("sweep.original") { tx in
                    try tx.tracks.setOriginal(
                        row.id, key: nil, contentType: row.contentType, size: row.size, sha256: row.sha256)
                }
            }
            guard rows.count == 100 else { return }
            last = rows.last?.id
        }
    }

    private func removeOriginal(_ key: BlobKey) async throws {
        try await store.delete(key)
        await shelf.forget(key)
    }

    private func failed(before moment: Timestamp) async throws {
        let rows = try await ledger.read("sweep.failed") { tx in
            try tx.generations.list(state: .failed, unchangedSince: moment, limit: 1000)
        }
        for row in rows { try await remove(row, from: [.failed]) }
    }

    /// The blobs first: a crash between leaves a row that is swept again.
    private func remove(_ row: GenerationRow, from states: [GenerationState]) async throws {
        let prefix = BlobKey.generation(row.id, of: row.trackID)
        try await store.deleteAll(prefix: prefix.path + "/")
        await shelf.forget(prefix)
        _ = try await ledger.write("sweep.done") { tx in try tx.generations.setState(row.id, from: states, to: .swept) }
    }
}
