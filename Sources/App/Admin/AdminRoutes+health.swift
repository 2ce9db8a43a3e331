import Core
import HTTPServer
import Ledger
import StreamCoord

extension AdminRoutes {
    /// A node that was silent for longer is down.
    static let silence = Duration.seconds(30)

    /// What one look at the whole needs: the dependencies of this node, every node by its heartbeat, what waits.
    func systemHealth(_ request: Request, _ admin: Admin) async throws -> Response {
        try admin.mustBeOperator("The system's health")
        let now = time.now
        let checks = health.checks
        let (nodes, counts, dead, paused, held) = try await ledger.read("admin.health") { tx in
            (
                try tx.nodes.list(), try tx.jobs.counts(), try tx.deadLetters.counts(tenant: nil),
                try tx.queues.paused(),
                try tx.quarantine.list(tenant: nil, state: .held, limit: 1).total
            )
        }
        func total(_ state: JobState) -> JSON {
            .integer(Int64(counts.values.reduce(0) { $0 + ($1[state] ?? 0) }))
        }
        return .data(
            200,
            [
                "version": .string(ProgramVersion.current.description),
                "checks": checks,
                "nodes": .array(
                    nodes.map { node in
                        [
                            "id": .string(node.id.text), "name": .string(node.name), "url": .optional(node.url),
                            "roles": .array(node.roles.map { .string($0) }),
                            "startedAt": .string(node.startedAt.description),
                            "heartbeatAt": .string(node.heartbeatAt.description),
                            "status": .string(now - node.heartbeatAt < Self.silence ? "up" : "down"),
                        ]
                    }),
                "jobs": [
                    "queued": total(.queued), "running": total(.running),
                    "dead": .integer(Int64(dead.values.reduce(0, +))),
                ],
                "pausedQueues": .array(paused.map(\.rawValue).sorted().map { .string($0) }),
                "quarantined": .integer(Int64(held)),
            ])
    }
}
