import Ledger
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Migrations of the ledger` {
    private func step(_ number: Int, _ name: String, oldest: ProgramVersion = .current, sql: String? = nil) -> Migration
    {
        Migration(
            number: number, name: name, oldestProgram: oldest,
            statements: [sql ?? "create table extra_\(number) (id text primary key)"])
    }

    private func configuration(_ folder: String, adding steps: [Migration] = []) -> SQLiteLedger.Configuration {
        var configuration = SQLiteLedger.Configuration(path: folder + "/ledger.sqlite")
        configuration.migrations += steps
        return configuration
    }

    private func open(_ configuration: SQLiteLedger.Configuration) async throws {
        let ledger = try SQLiteLedger(configuration)
        try await ledger.write("a") { try $0.settings.set("a", "1") }
        await ledger.close()
    }

    @Test func `run once, in order, and are planned before`() async throws {
        try await withTemporaryFolder { folder in
            let steps = [step(9002, "second", sql: "create index e on extra_9001 (id)"), step(9001, "first")]
            let all = configuration(folder, adding: steps)
            #expect(try SQLiteLedger.plan(all).map(\.number) == Migration.all.map(\.number) + [9001, 9002])
            try await open(configuration(folder))
            #expect(try SQLiteLedger.plan(all).map(\.number) == [9001, 9002])
            try await open(all)
            #expect(try SQLiteLedger.plan(all).isEmpty)
            try await open(all)
        }
    }

    @Test func `refuse a step whose text was changed, naming it`() async throws {
        try await withTemporaryFolder { folder in
            try await open(configuration(folder, adding: [step(9001, "first")]))
            let changed = step(9001, "first", sql: "create table extra_9001 (id text primary key, more text)")
            let failure = #expect(throws: LedgerFailure.self) {
                try SQLiteLedger(configuration(folder, adding: [changed]))
            }
            #expect(failure?.kind == .changedMigration)
            #expect(failure?.message.contains("9001 (first)") == true)
        }
    }

    @Test func `refuse a newer schema, unless this program may still run beside it`() async throws {
        try await withTemporaryFolder { folder in
            try await open(configuration(folder, adding: [step(9001, "beside")]))
            try await open(configuration(folder))
            try await open(
                configuration(folder, adding: [step(9001, "beside"), step(9002, "newer", oldest: .init(9, 0, 0))]))
            let failure = #expect(throws: LedgerFailure.self) { try SQLiteLedger(configuration(folder)) }
            #expect(failure?.kind == .newerSchema)
            #expect(failure?.message.contains("sluice 9.0.0 or later and this is \(ProgramVersion.current)") == true)
        }
    }

    @Test func `leave nothing of themselves when a step fails`() async throws {
        try await withTemporaryFolder { folder in
            try await open(configuration(folder))
            let broken = [step(9001, "good"), step(9002, "bad", sql: "create tabel x")]
            #expect(throws: LedgerFailure.self) { try SQLiteLedger(configuration(folder, adding: broken)) }
            #expect(try SQLiteLedger.plan(configuration(folder, adding: broken)).map(\.number) == [9001, 9002])
            try await open(configuration(folder, adding: [step(9001, "good")]))
        }
    }
}
