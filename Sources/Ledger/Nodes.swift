package import Core

package struct NodeRow: Sendable, Equatable {
    package var id: NodeID
    /// One run of the program; leases name it too.
    package var boot: String
    package var name: String
    package var url: String?
    package var roles: [String]
    package var startedAt: Timestamp
    package var heartbeatAt: Timestamp

    package init(
        id: NodeID, boot: String, name: String, url: String? = nil, roles: [String], startedAt: Timestamp,
        heartbeatAt: Timestamp
    ) {
        self.id = id
        self.boot = boot
        self.name = name
        self.url = url
        self.roles = roles
        self.startedAt = startedAt
        self.heartbeatAt = heartbeatAt
    }
}

/// The processes that work on this ledger; workers are judged by their heartbeat.
package struct Nodes {
    let tx: Transaction

    package func register(_ row: NodeRow) throws {
        _ = try tx.connection.execute(
            "insert into nodes (id, boot, name, url, roles, started_at, heartbeat_at) values (\(placeholders(7)))"
                + tx.connection.dialect.orUpdate("id", ["boot", "name", "url", "roles", "started_at", "heartbeat_at"]),
            [
                .id(row.id), .text(row.boot), .text(row.name), .text(row.url),
                .text(row.roles.joined(separator: ",")), .time(row.startedAt), .time(row.heartbeatAt),
            ])
    }

    /// False when another boot has taken the node's place.
    package func heartbeat(_ id: NodeID, boot: String) throws -> Bool {
        try tx.connection.execute(
            "update nodes set heartbeat_at = $3 where id = $1 and boot = $2",
            [.id(id), .text(boot), .time(tx.now)]) > 0
    }

    /// Drops nodes that were silent since before `moment`, but for those that hold jobs.
    package func forget(before moment: Timestamp) throws -> Int {
        try tx.connection.execute(
            """
            delete from nodes where heartbeat_at < $1
            and not exists (select 1 from jobs where state = 'running' and lease_node = nodes.id)
            """, [.time(moment)])
    }

    package func list() throws -> [NodeRow] {
        try tx.connection.query(
            "select id, boot, name, url, roles, started_at, heartbeat_at from nodes order by id", []
        ).map {
            var row = $0
            return NodeRow(
                id: try row.id(), boot: try row.text(), name: try row.text(), url: try row.optionalText(),
                roles: try row.text().split(separator: ",").map { String($0) }, startedAt: try row.time(),
                heartbeatAt: try row.time())
        }
    }
}
