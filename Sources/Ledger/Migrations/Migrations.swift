import Core
import Crypto

/// Brings a schema up to this program, or refuses to touch one that it does not understand. The caller holds whatever lock
/// keeps two programs from doing it at once.
struct Migrations {
    static let table = """
        create table if not exists schema_migrations (number bigint primary key, name text not null, \
        checksum text not null, oldest_program text not null, applied_at bigint not null)
        """

    let known: [Migration]
    let program: ProgramVersion

    struct Applied {
        let number: Int
        let name: String
        let checksum: String
        let oldestProgram: String
    }

    /// What would run, after everything that did run was checked.
    func pending(_ applied: [Applied]) throws(LedgerFailure) -> [Migration] {
        for step in applied {
            guard let ours = known.first(where: { $0.number == step.number }) else {
                if let oldest = ProgramVersion(step.oldestProgram), oldest <= program { continue }
                throw LedgerFailure(
                    .newerSchema,
                    """
                    The ledger was changed by a newer program (step \(step.number), \(step.name)); it needs \
                    sluice \(step.oldestProgram) or later and this is \(program).
                    """)
            }
            guard Self.checksum(ours) == step.checksum else {
                throw LedgerFailure(
                    .changedMigration,
                    """
                    Step \(step.number) (\(step.name)) of the ledger's schema was made from another text than this \
                    program carries; run the program that made it.
                    """)
            }
        }
        let done = Set(applied.map(\.number))
        return known.filter { !done.contains($0.number) }.sorted { $0.number < $1.number }
    }

    func run(_ pending: [Migration], on connection: any SQLConnection, now: Timestamp) throws(LedgerFailure) {
        for step in pending {
            for statement in step.statements { _ = try connection.execute(connection.dialect.schema(statement), []) }
            _ = try connection.execute(
                """
                insert into schema_migrations (number, name, checksum, oldest_program, applied_at)
                values (\(placeholders(5)))
                """,
                [
                    .integer(step.number), .text(step.name), .text(Self.checksum(step)),
                    .text(step.oldestProgram.description), .time(now),
                ])
        }
    }

    static func applied(on connection: any SQLConnection) throws(LedgerFailure) -> [Applied] {
        var applied: [Applied] = []
        let rows = try connection.query(
            "select number, name, checksum, oldest_program from schema_migrations order by number", [])
        for var row in rows {
            applied.append(
                Applied(
                    number: try row.int(), name: try row.text(), checksum: try row.text(),
                    oldestProgram: try row.text()))
        }
        return applied
    }

    static func checksum(_ migration: Migration) -> String { Hex.encode(SHA256.hash(Array(migration.text.utf8))) }
}
