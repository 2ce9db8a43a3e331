package import Ledger
package import Storage

extension Verify {
    /// As the other `repair`, and the same for what lies in the data folder.
    package static func repair(
        _ findings: [Finding], ledger: any LedgerStore, store: any BlobStore, data: String
    ) async throws -> Set<String> {
        let orphans = findings.filter { $0.kind == .orphan && LocalBytes.isLocal($0.subject) }.map(\.subject)
        guard !orphans.isEmpty, let local = try LocalBytes(ledger: ledger, data: data) else {
            return try await repair(findings, ledger: ledger, store: store)
        }
        // Asked before anything is deleted anywhere.
        guard try await local.isKnown() else { throw WrongLedger() }
        return try await repair(findings, ledger: ledger, store: store).union(local.remove(orphans))
    }

    /// Why nothing was taken away.
    package struct WrongLedger: Error, Sendable {}

    /// Deletes the orphans among `findings`, each asked of the ledger once more right before, and says which are gone.
    /// What is missing cannot be made here; what is foreign is not ours to touch.
    package static func repair(
        _ findings: [Finding], ledger: any LedgerStore, store: any BlobStore
    ) async throws -> Set<String> {
        let orphans = findings.filter { $0.kind == .orphan && !LocalBytes.isLocal($0.subject) }.map(\.subject)
        guard !orphans.isEmpty else { return [] }
        let owners = Owners(ledger)
        // A bucket and the ledger of another service, or an empty new one: there everything is an orphan.
        if try await !Promises.isAny(in: ledger), try await !owners.knowsAny(of: orphans) { throw WrongLedger() }
        var gone: Set<String> = []
        var rest = orphans[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(100))
            rest = rest.dropFirst(batch.count)
            let named = try await owners.named(among: batch)
            let keys = batch.filter { !named.contains($0) }
            try await store.delete(keys.compactMap { BlobKey($0) })
            gone.formUnion(keys)
        }
        return gone
    }
}
