import Access
import Core
import Ledger

/// API keys as the ledger has them.
struct LedgerKeys: KeyDirectory {
    let ledger: any LedgerStore

    func find(prefix: String) async throws -> [StoredKey] {
        try await ledger.read("keys.find") { tx in
            try tx.keys.findByPrefix(prefix).filter { $0.revokedAt == nil }.map { row in
                StoredKey(
                    id: row.id, tenant: row.tenant, hash: row.hash,
                    permissions: Set(row.permissions.compactMap(Permission.init)), expires: row.expiresAt)
            }
        }
    }
}
