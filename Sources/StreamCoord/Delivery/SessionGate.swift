import Core
import Ledger

/// Which listening sessions were revoked. While the ledger is away, those that it let through a while ago go on.
struct SessionGate: Sendable {
    /// A revocation made elsewhere is seen within this.
    static let freshness = Duration.seconds(5)

    private let memory: LedgerMemory<SessionID, Void>

    init(ledger: any LedgerStore, time: any TimeSource, absence: LedgerAbsence) {
        // Tokens are remembered above; a session that is asked about here is asked of the ledger.
        memory = LedgerMemory(freshness: .zero, time: time, absence: absence) { id in
            try await ledger.read("delivery.session") { tx in try tx.sessions.isRevoked(id) } ? nil : ()
        }
    }

    /// Core APIs mint tokens with any `sid` they like; what is no id of ours was never revoked here.
    func isRevoked(_ session: String) async throws -> Bool {
        guard let id = SessionID(session) else { return false }
        return try await memory.value(for: id) == nil
    }

    /// One was revoked here.
    func forget() { memory.forgetAll() }
}
