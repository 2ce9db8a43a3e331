import Core
import Glibc
import Platform
import TestSupport
import Testing

/// A ledger that cannot be used: one sentence that says why, nothing started, nothing half written, no password told.
@Suite(.timeLimit(.minutes(5)))
struct LedgerRefusalTests {
    /// What a run of the program that must fail said.
    private func refusal(_ folder: String, ledger: String = "sqlite", exit: Int32) async throws -> String {
        let result = try await Tool.run(
            ServerProcess.program, ["serve"],
            environment: ServerProcess.settings(folder).merging(["SLUICE_LEDGER": ledger]) { $1 }, folder: folder)
        let said = result.text + result.error
        #expect(result.end == .exited(exit), "\(said)")
        #expect(!said.contains("hunter") && !said.contains("hush"), "a password: \(said)")
        return said
    }

    /// Opens the ledger as `sluice keys` does.
    private func keys(_ folder: String, ledger: String = "sqlite") async throws -> Tool.Result {
        try await Tool.run(
            ServerProcess.program, ["keys", "list", "--json"],
            environment: ["SLUICE_DATA": folder, "SLUICE_LEDGER": ledger])
    }

    private func sqlite(_ folder: String, _ statement: String) async throws {
        try await Tool.must(
            "python3",
            [
                "-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()",
                folder + "/ledger.sqlite", statement,
            ])
    }

    private static let newerStep = """
        insert into schema_migrations (number, name, checksum, oldest_program, applied_at)
        values (9000, 'later', 'x', '9.0.0', 1)
        """

    @Test func `an address that is none, and what the server says no to, are wrong settings`() async throws {
        let server = try await PrivatePostgres.shared()
        try await withTemporaryFolder { folder in
            let addresses = [
                "mysql://a:hunter@b/c", "postgres://a:hunter@b:port/c", "postgres",
                // What is not written in percents ends the password too soon, and makes the rest a host or a port.
                "postgres://a:hunter@hush@127.0.0.1/c", "postgres://a:hunter/hush@127.0.0.1/c",
            ]
            for address in addresses {
                let said = try await refusal(folder, ledger: address, exit: 2)
                #expect(said.contains("SLUICE_LEDGER"), "\(said)")
                #expect(said.contains("postgres://"), "\(said)")
            }
            let wrong = try await refusal(folder, ledger: server.url(password: "hunter"), exit: 2)
            #expect(wrong.contains("SLUICE_LEDGER"), "\(wrong)")
            #expect(wrong.contains("authentication failed"), "\(wrong)")
            let missing = try await refusal(folder, ledger: server.url("nowhere"), exit: 2)
            #expect(missing.contains("\"nowhere\" does not exist"), "\(missing)")
        }
    }

    @Test func `a schema that needs a newer program is left alone, on both ledgers`() async throws {
        let server = try await PrivatePostgres.shared()
        let url = try await server.database()
        try await withTemporaryFolder { folder in
            #expect(try await keys(folder).succeeded)
            try await sqlite(folder, Self.newerStep)
            let before = try Files.readWhole(folder + "/ledger.sqlite", limit: 1 << 24)
            let embedded = try await refusal(folder, exit: 1)
            #expect(embedded.contains("it needs sluice 9.0.0 or later"), "\(embedded)")
            #expect(try Files.readWhole(folder + "/ledger.sqlite", limit: 1 << 24) == before)

            #expect(try await keys(folder, ledger: url).succeeded)
            try await server.run(Self.newerStep, database: url)
            let remote = try await refusal(folder, ledger: url, exit: 1)
            #expect(remote.contains("it needs sluice 9.0.0 or later"), "\(remote)")
            #expect(try await server.run("select count(*) from nodes", database: url).hasPrefix("0"))
        }
    }

    @Test func `a damaged ledger is named, and not a byte of it is changed`() async throws {
        try await withTemporaryFolder { folder in
            #expect(try await keys(folder).succeeded)
            var bytes = try Files.readWhole(folder + "/ledger.sqlite", limit: 1 << 24)
            for index in 4096..<min(bytes.count, 100_000) { bytes[index] = 0xEE }
            try Files.writeAtomically(bytes, to: folder + "/ledger.sqlite")
            let said = try await refusal(folder, exit: 1)
            #expect(said.contains("/ledger.sqlite is damaged or no ledger"), "\(said)")
            #expect(try Files.readWhole(folder + "/ledger.sqlite", limit: 1 << 24) == bytes)
        }
    }

    @Test func `a ledger that cannot be written is named, on both`() async throws {
        let server = try await PrivatePostgres.shared()
        let url = try await server.database()
        try await withTemporaryFolder { folder in
            #expect(try await keys(folder).succeeded)
            let said = try await inNamespace(
                "mount --bind ledger.sqlite ledger.sqlite && mount -o remount,bind,ro ledger.sqlite && serve", folder)
            #expect(said.contains("/ledger.sqlite cannot be written"), "\(said)")
            #expect(said.contains("code 1"), "\(said)")

            #expect(try await keys(folder, ledger: url).succeeded)
            let name = url.split(separator: "/").last.map(String.init) ?? ""
            try await server.run("alter database \(name) set default_transaction_read_only = on")
            let remote = try await refusal(folder, ledger: url, exit: 1)
            #expect(remote.contains("read-only transaction"), "\(remote)")
        }
    }

    @Test func `a full disk is named, and with space again the ledger is whole`() async throws {
        try await withTemporaryFolder { folder in
            let said = try await inNamespace(
                """
                mount -t tmpfs -o size=128k none "$SLUICE_DATA" && serve
                mount -o remount,size=64m "$SLUICE_DATA" && "$program" keys list --json; echo "then $?"
                """, folder)
            #expect(said.contains("There is no space for the ledger"), "\(said)")
            #expect(said.contains("code 1"), "\(said)")
            #expect(said.contains("then 0"), "\(said)")
        }
    }

    /// A shell whose mounts nobody else sees; `serve` runs the program and tells its exit code.
    private func inNamespace(_ script: String, _ folder: String) async throws -> String {
        let user = getuid() == 0 ? [] : ["--user", "--map-root-user"]
        let result = try await Tool.run(
            "unshare",
            user + ["--mount", "/bin/sh", "-c", "serve() { \"$program\" serve; echo \"code $?\"; }; \(script)"],
            environment: ServerProcess.settings(folder).merging(["program": ServerProcess.program]) { $1 },
            folder: folder)
        return result.text + result.error
    }
}
