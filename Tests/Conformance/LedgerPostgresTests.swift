import Core
import Ledger
import TestSupport
import Testing

@Suite struct `The ledger on PostgreSQL` {
    @Test(arguments: LedgerPromise.all) func keeps(_ promise: LedgerPromise) async throws {
        try await withPostgres { url in
            let time = ManualTime()
            let ledger = try PostgresLedger(.init(address: PostgresAddress(url)), time: time)
            try await promise.check(ledger, time)
            await ledger.close()
        }
    }
}

/// A fresh database of the tests' own server.
func withPostgres(_ body: (String) async throws -> Void) async throws {
    try await body(try await PrivatePostgres.shared().database())
}
