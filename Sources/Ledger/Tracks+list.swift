package import Core

extension Tracks {
    /// A search looks at so many of a tenant's newest tracks, however many there are.
    package static let searched = 10_000

    /// A tenant's tracks, newest first; without a state all but the deleted. `search` looks for a part of the title among
    /// the newest `searched`, or for a whole id; its total stops at 10,000.
    package func list(
        tenant: TenantID, state: TrackState? = nil, search: String? = nil, from position: Position = .start, limit: Int
    ) throws -> Page<TrackRow> {
        guard let search, !search.isEmpty else {
            var keyset = filter(tenant, state)
            return try page(&keyset, position, limit, total: total(tenant, state))
        }
        if let row = try exact(search, tenant, state) { return Page(rows: [row], total: 1, next: nil) }
        var keyset = try filter(tenant, state, search)
        let page = try page(&keyset, position, limit, total: 0)
        // A first page that holds all need not be counted.
        var total = page.rows.count
        if page.next != nil || !position.isStart { total = try count(filter(tenant, state), search) }
        return Page(rows: page.rows, total: total, next: page.next)
    }

    private func page(_ keyset: inout Keyset, _ position: Position, _ limit: Int, total: Int) throws -> Page<TrackRow> {
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

    private func exact(_ search: String, _ tenant: TenantID, _ state: TrackState?) throws -> TrackRow? {
        guard let id = TrackID(search), let row = try find(id), row.tenant == tenant else { return nil }
        return state.map { $0 == row.state } ?? (row.state != .deleted) ? row : nil
    }

    private func filter(_ tenant: TenantID, _ state: TrackState?) -> Keyset {
        var keyset = Keyset()
        keyset.add({ "tenant = \($0)" }, .id(tenant))
        if let state {
            keyset.add({ "state = \($0)" }, .state(state))
        } else {
            keyset.conditions.append("state <> 'deleted'")
        }
        return keyset
    }

    private func filter(_ tenant: TenantID, _ state: TrackState?, _ search: String) throws -> Keyset {
        var keyset = filter(tenant, state)
        // By the index alone, however many there are: where the newest end.
        if try total(tenant, state) > Self.searched {
            let edge = keyset.conditions.joined(separator: " and ")
            if var row = try tx.connection.first(
                """
                select created_at, id from tracks where \(edge) order by created_at desc, id desc limit 1
                offset $\(keyset.values.count + 1)
                """, keyset.values + [.integer(Self.searched)])
            {
                keyset.values += [.time(try row.time()), .text(try row.text())]
                keyset.conditions.append("(created_at, id) > ($\(keyset.values.count - 1), $\(keyset.values.count))")
            }
        }
        keyset.add({ "folded_title like \($0) escape '\\'" }, .text(pattern(search)))
        return keyset
    }

    /// How many of the newest match.
    private func count(_ keyset: Keyset, _ search: String) throws -> Int {
        let (filter, last) = (keyset.conditions.joined(separator: " and "), keyset.values.count)
        return Int(
            try tx.connection.number(
                """
                select count(*) from (select folded_title from tracks where \(filter)
                order by created_at desc, id desc limit $\(last + 1)) as newest
                where folded_title like $\(last + 2) escape '\\'
                """, keyset.values + [.integer(Self.searched), .text(pattern(search))]))
    }

    private func total(_ tenant: TenantID, _ state: TrackState?) throws -> Int {
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
