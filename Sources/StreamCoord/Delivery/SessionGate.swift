import Core
import Ledger

/// Which listening sessions were revoked.
struct SessionGate: Sendable {
    /// A revocation made elsewhere is seen within this.
    static let freshness = Duration.seconds(5)

    let ledger: any LedgerStore

    /// Core APIs mint tokens with any `sid` they like; what is no id of ours was never revoked here.
    func isRevoked(_ session: String) async throws -> Bool {
        guard let id = SessionID(session) else { return false }
        return try await ledger.read("delivery.session") { tx in try tx.sessions.isRevoked(id) }
    }
}
