package import Core

extension Tracks {
    /// A tenant's tracks, newest first; without a state all but the deleted. `search` looks for a part of the title or for
    /// the whole id, and its total stops at 10,000.
    package func list(
        tenant: TenantID, state: TrackState? = nil, search: String? = nil, from position: Position = .start, limit: Int
    ) throws -> Page<TrackRow> {
        var keyset = filter(tenant, state, search)
        let total = try total(tenant, state, search)
        let tail = keyset.tail(position, limit: limit, column: "created_at", id: "id")
        let rows = try tx.connection.query("select \(TrackRow.columns) from tracks\(tail)", keyset.values)
            .map { try TrackRow($0) }
        return Page(rows: rows, limit: limit, total: total) { Cursor(at: $0.createdAt, id: $0.id.text) }
    }

    /// How many tracks a tenant has in each state.
    package func counts(tenant: TenantID) throws -> [TrackState: Int] {
        try tx.counters.sums("tracks:\(tenant)").reduce(into: [:]) { counts, entry in
            if let state = TrackState(rawValue: entry.key) { counts[state] = entry.value }
        }
    }

    /// Ready tracks of every tenant in the order of their ids, for those who go through all of them.
    package func ready(after: TrackID?, limit: Int) throws -> [TrackRow] {
        try tx.connection.query(
            "select \(TrackRow.columns) from tracks where state = 'ready' and id > $1 order by id limit $2",
            [.text(after?.text ?? ""), .integer(limit)]
        ).map { try TrackRow($0) }
    }

    private func filter(_ tenant: TenantID, _ state: TrackState?, _ search: String?) -> Keyset {
        var keyset = Keyset()
        keyset.add({ "tenant = \($0)" }, .id(tenant))
        if let state {
            keyset.add({ "state = \($0)" }, .state(state))
        } else {
            keyset.conditions.append("state <> 'deleted'")
        }
        if let search, !search.isEmpty {
            keyset.add({ "folded_title like \($0) escape '\\'" }, .text(pattern(search)))
            keyset.values.append(.text(search))
            let last = keyset.conditions.removeLast()
            keyset.conditions.append("(\(last) or id = $\(keyset.values.count))")
        }
        return keyset
    }

    private func total(_ tenant: TenantID, _ state: TrackState?, _ search: String?) throws -> Int {
        if let search, !search.isEmpty {
            let keyset = filter(tenant, state, search)
            let filter = keyset.conditions.joined(separator: " and ")
            return Int(
                try tx.connection.number(
                    "select count(*) from (select id from tracks where \(filter) limit 10000) as found", keyset.values))
        }
        let counts = try counts(tenant: tenant)
        if let state { return counts[state] ?? 0 }
        return counts.reduce(0) { $1.key == .deleted ? $0 : $0 + $1.value }
    }

    /// A part of a title, with what `like` would read as a wildcard taken literally.
    private func pattern(_ search: String) -> String {
        var pattern = "%"
        for character in search.lowercased() {
            if character == "%" || character == "_" || character == "\\" { pattern.append("\\") }
            pattern.append(character)
        }
        return pattern + "%"
    }
}
