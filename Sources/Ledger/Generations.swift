package import Core

package struct GenerationRow: Sendable, Equatable {
    package var id: GenerationID
    package var trackID: TrackID
    package var state: GenerationState
    package var profile: String
    package var node: NodeID
    package var createdAt: Timestamp
    /// Moved on while somebody builds it; what stands still is swept.
    package var heartbeatAt: Timestamp

    package init(
        id: GenerationID, trackID: TrackID, state: GenerationState = .building, profile: String, node: NodeID,
        createdAt: Timestamp, heartbeatAt: Timestamp
    ) {
        self.id = id
        self.trackID = trackID
        self.state = state
        self.profile = profile
        self.node = node
        self.createdAt = createdAt
        self.heartbeatAt = heartbeatAt
    }
}

/// The encodings of tracks. Which one is heard, the track's row says.
package struct Generations {
    let tx: Transaction

    package func insert(_ row: GenerationRow) throws {
        _ = try tx.connection.execute(
            "insert into generations (\(GenerationRow.columns), changed_at) values (\(placeholders(8)))",
            row.values + [.time(tx.now)])
    }

    package func find(_ id: GenerationID) throws -> GenerationRow? {
        try tx.connection.first(
            "select \(GenerationRow.columns) from generations where id = $1\(tx.connection.held)", [.id(id)]
        ).map { try GenerationRow($0) }
    }

    package func of(_ track: TrackID) throws -> [GenerationRow] {
        try tx.connection.query(
            "select \(GenerationRow.columns) from generations where track_id = $1 order by created_at desc, id desc",
            [.id(track)]
        ).map { try GenerationRow($0) }
    }

    /// False when it is in none of the `from` states.
    package func setState(
        _ id: GenerationID, from: [GenerationState], to state: GenerationState
    ) throws -> Bool {
        try tx.connection.execute(
            """
            update generations set state = $2, changed_at = $3
            where id = $1 and state in (\(placeholders(from.count, from: 4)))
            """, [.id(id), .state(state), .time(tx.now)] + from.map { .state($0) }) > 0
    }

    /// False when nobody should go on building it.
    package func heartbeat(_ id: GenerationID) throws -> Bool {
        try tx.connection.execute(
            "update generations set heartbeat_at = $2 where id = $1 and state in ('building', 'staged')",
            [.id(id), .time(tx.now)]) > 0
    }

    /// Those that have been in `state` since before `moment`, oldest first: `old` ones to sweep once the longest token is over.
    package func list(state: GenerationState, unchangedSince moment: Timestamp, limit: Int) throws -> [GenerationRow] {
        try tx.connection.query(
            """
            select \(GenerationRow.columns) from generations where state = $1 and changed_at < $2
            order by changed_at limit $3
            """, [.state(state), .time(moment), .integer(limit)]
        ).map { try GenerationRow($0) }
    }

    /// Old ones that no link leads to any more: their tracks are deleted or held back.
    package func unreachable(limit: Int) throws -> [GenerationRow] {
        try tx.connection.query(
            """
            select \(GenerationRow.columns) from generations where state = 'old' and exists (select 1 from tracks where tracks.id = generations.track_id
            and tracks.state in ('deleted', 'quarantined'))
            order by changed_at limit $1
            """, [.integer(limit)]
        ).map { try GenerationRow($0) }
    }

    /// Those still building or staged whose heart stopped before `moment`.
    package func stopped(before moment: Timestamp, limit: Int) throws -> [GenerationRow] {
        // Asked state by state: each is one range of an index.
        try [GenerationState.building, .staged].flatMap { state in
            try tx.connection.query(
                """
                select \(GenerationRow.columns) from generations where state = $1 and heartbeat_at < $2
                order by heartbeat_at limit $3
                """, [.state(state), .time(moment), .integer(limit)]
            ).map { try GenerationRow($0) }
        }
    }
}

extension GenerationRow {
    static let columns = "id, track_id, state, profile, node, created_at, heartbeat_at"

    init(_ row: SQLRow) throws {
        var row = row
        self.init(
            id: try row.id(), trackID: try row.id(), state: try row.state(), profile: try row.text(),
            node: try row.id(), createdAt: try row.time(), heartbeatAt: try row.time())
    }

    var values: [SQLValue] {
        [
            .id(id), .id(trackID), .state(state), .text(profile), .id(node), .time(createdAt), .time(heartbeatAt),
        ]
    }
}
