package import Core

/// Tracks: what the world knows of an upload once it is more than bytes. A deleted row stays, so that its id is never used
/// again; counts by state are kept beside.
package struct Tracks {
    let tx: Transaction

    /// Throws `.conflict` that tells whose the id is already.
    package func insert(_ row: TrackRow) throws {
        if try insertUnlessThere(row) { return }
        guard let held = try find(row.id) else {
            throw LedgerFailure(.conflict(.unique), "The track \(row.id) was being made elsewhere.")
        }
        if held.tenant != row.tenant {
            throw LedgerFailure(.conflict(.trackOfAnotherTenant), "The track \(row.id) belongs to another tenant.")
        }
        if held.state == .deleted {
            throw LedgerFailure(.conflict(.trackDeleted), "The track \(row.id) was deleted; its id is not used again.")
        }
        throw LedgerFailure(.conflict(.trackExists), "The track \(row.id) exists already.")
    }

    /// False when there is a track of this id, whoever's.
    package func insertUnlessThere(_ row: TrackRow) throws -> Bool {
        let changed = try tx.connection.execute(
            Self.insertion + tx.connection.dialect.orIgnore, row.values + [.text(row.title.lowercased())])
        if changed > 0 { try count(row.tenant, row.state, 1) }
        return changed > 0
    }

    private static let insertion =
        "insert into tracks (\(TrackRow.columns), folded_title) values (\(placeholders(23)))"

    /// Deleted ones too: the caller looks at the state, and at the tenant.
    package func find(_ id: TrackID) throws -> TrackRow? {
        try tx.connection.first(
            "select \(TrackRow.columns) from tracks where id = $1\(tx.connection.held)", [.id(id)]
        ).map { try TrackRow($0) }
    }

    /// Another upload becomes the one this track is made from; a failed or quarantined track is processed again.
    package func setUpload(_ id: TrackID, _ upload: UploadID) throws -> Bool {
        guard let row = try find(id), row.state != .deleted else { return false }
        let state = row.generation == nil ? TrackState.processing : row.state
        try move(row, to: state)
        return try tx.connection.execute(
            """
            update tracks set upload_id = $2, stage = 'uploading', progress = 0, error_code = null, error_message = null
            where id = $1
            """, [.id(id), .id(upload)]) > 0
    }

    /// How far a track under way has come; a finished one is left alone.
    package func setStage(_ id: TrackID, _ stage: TrackStage, progress: Double) throws -> Bool {
        try tx.connection.execute(
            "update tracks set stage = $2, progress = $3 where id = $1 and state in ('processing', 'ready')",
            [.id(id), .state(stage), .real(progress)]) > 0
    }

    /// What the finished bytes are.
    package func setOriginal(
        _ id: TrackID, key: String?, contentType: String?, size: Int64?, sha256: String?
    ) throws {
        guard let row = try find(id) else { return }
        // An earlier upload's bytes: nobody asks for them any more.
        if let old = row.originalKey, let key, old != key {
            try tx.connection.perform(
                "insert into replaced_originals (blob_key, track_id) values ($1, $2)\(tx.connection.dialect.orIgnore)",
                [.text(old), .id(id)])
            // One that comes back is not to be swept.
            try tx.connection.perform("delete from replaced_originals where blob_key = $1", [.text(key)])
        }
        try tx.tenants.store(row.tenant, (key == nil ? 0 : size ?? 0) - (row.originalKey == nil ? 0 : row.size ?? 0))
        _ = try tx.connection.execute(
            "update tracks set original_key = $2, content_type = $3, size = $4, sha256 = $5 where id = $1",
            [.id(id), .text(key), .text(contentType), .integer(size), .text(sha256)])
    }

    package func setScan(_ id: TrackID, json: String) throws {
        _ = try tx.connection.execute("update tracks set scan = $2 where id = $1", [.id(id), .text(json)])
    }

    package func setVisibility(_ id: TrackID, _ visibility: Visibility, publishAt: Timestamp?) throws {
        _ = try tx.connection.execute(
            "update tracks set visibility = $2, publish_at = $3 where id = $1",
            [.id(id), .state(visibility), .time(publishAt)])
    }

    /// False when there is nothing left to fail: it is deleted, or was published meanwhile. A track with a live generation
    /// stays ready, whatever a newer one does.
    package func fail(_ id: TrackID, code: FailureCode, message: String) throws -> Bool {
        try end(id, state: .failed, code: code, message: message)
    }

    /// Also of a ready track: what is found by a later scan takes it off the air.
    package func quarantine(_ id: TrackID, code: FailureCode, message: String, scan: String?) throws -> Bool {
        guard let row = try find(id), row.state != .deleted else { return false }
        try move(row, to: .quarantined)
        return try tx.connection.execute(
            "update tracks set generation = null, scan = $2, error_code = $3, error_message = $4 where id = $1",
            [.id(id), .text(scan ?? row.scan), .text(code.rawValue), .text(message)]) > 0
    }

    /// The one flip that makes a generation heard. The generation's own row goes `live` and the one before it `old`.
    /// False when the track is deleted or quarantined.
    package func publish(
        _ id: TrackID, generation: GenerationID, metadata: String?, scan: String?, renditions: String?
    ) throws -> Bool {
        guard let row = try find(id), row.state != .deleted, row.state != .quarantined else { return false }
        if let old = row.generation, old != generation {
            _ = try tx.generations.setState(old, from: [.live], to: .old)
        }
        guard try tx.generations.setState(generation, from: [.building, .staged, .live], to: .live) else {
            return false
        }
        try move(row, to: .ready)
        return try tx.connection.execute(
            """
            update tracks set generation = $2, metadata = $3, scan = $4, renditions = $5, ready_at = $6,
            stage = 'publishing', progress = 1, error_code = null, error_message = null where id = $1
            """,
            [.id(id), .id(generation), .text(metadata), .text(scan ?? row.scan), .text(renditions), .time(tx.now)]) > 0
    }

    /// The kind of the jobs that remove the bytes of deleted tracks.
    package static let removal = "track.remove"

    package static func removalKey(_ id: TrackID, _ node: NodeID?) -> String {
        "\(removal):\(id):\(node?.text ?? "")"
    }

    /// Its generation becomes `old`, and a job removes its bytes. False when it is gone already.
    package func delete(_ id: TrackID) throws -> Bool {
        guard let row = try find(id), row.state != .deleted else { return false }
        if let live = row.generation { _ = try tx.generations.setState(live, from: [.live], to: .old) }
        try move(row, to: .deleted)
        try enqueueRemoval(of: row)
        return try tx.connection.execute(
            """
            update tracks set generation = null, title = '', folded_title = '', metadata = null, renditions = null
            where id = $1
            """, [.id(id)]) > 0
    }

    /// One job for each node that keeps bytes of its uploads; any of them clears the store. None where nothing is left:
    /// whoever ends an upload removes its bytes.
    private func enqueueRemoval(of row: TrackRow) throws {
        let over: [UploadState] = [.cancelled, .expired, .failed]
        let uploads = try tx.uploads.of(row.id).filter { !over.contains($0.state) }
        var nodes: [NodeID?] = Set(uploads.map(\.node)).sorted()
        if nodes.isEmpty {
            guard try row.originalKey != nil || !tx.generations.of(row.id).isEmpty else { return }
            nodes = [nil]
        }
        for node in nodes {
            try tx.jobs.enqueue(
                NewJob(
                    kind: Self.removal, queue: .sweep, tenant: row.tenant, trackID: row.id,
                    uniqueKey: Self.removalKey(row.id, node), pinnedNode: node))
        }
    }

    /// Deleted tracks whose original still lies in the store, after `id`.
    package func left(after id: TrackID?, limit: Int) throws -> [TrackRow] {
        try tx.connection.query(
            """
            select \(TrackRow.columns) from tracks where state = 'deleted' and original_key is not null and id > $1
            order by id limit $2
            """, [.text(id?.text ?? ""), .integer(limit)]
        ).map { try TrackRow($0) }
    }

    /// Keys of originals that a newer one took the place of; of one track, or any.
    package func replaced(of id: TrackID? = nil, limit: Int) throws -> [String] {
        try tx.connection.query(
            "select blob_key from replaced_originals\(id == nil ? "" : " where track_id = $2") order by blob_key limit $1",
            [.integer(limit)] + (id.map { [.id($0)] } ?? [])
        ).map {
            var row = $0
            return try row.text()
        }
    }

    /// Its blob is gone.
    package func forgetReplaced(_ key: String) throws {
        _ = try tx.connection.execute("delete from replaced_originals where blob_key = $1", [.text(key)])
    }

    private func end(_ id: TrackID, state: TrackState, code: FailureCode, message: String) throws -> Bool {
        guard let row = try find(id), row.state == .processing || row.state == .ready else { return false }
        try move(row, to: row.generation == nil ? state : row.state)
        return try tx.connection.execute(
            "update tracks set error_code = $2, error_message = $3 where id = $1",
            [.id(id), .text(code.rawValue), .text(message)]) > 0
    }

    private func move(_ row: TrackRow, to state: TrackState) throws {
        guard row.state != state else { return }
        _ = try tx.connection.execute("update tracks set state = $2 where id = $1", [.id(row.id), .state(state)])
        try count(row.tenant, row.state, -1)
        try count(row.tenant, state, 1)
    }

    private func count(_ tenant: TenantID, _ state: TrackState, _ delta: Int64) throws {
        try tx.counters.add("tracks:\(tenant)", state.rawValue, delta)
    }
}
