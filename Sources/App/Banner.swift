import Access
import Core
import Ledger
import ScanBridge

/// What a person at a terminal sees when the service is up. Not a terminal: nothing, the log's `listening` line says it.
enum Banner {
    static func show(
        _ settings: Settings, version: String, address: String, metrics: String, engine: EngineInfo, isFirst: Bool,
        ledger: any LedgerStore
    ) async throws {
        guard StandardError.isTerminal else { return }
        let counts = try await ledger.read("banner") { tx in try tx.tracks.counts(tenant: .operatorsOwn) }
        let held = counts[.quarantined] ?? 0
        let tracks = counts.filter { $0.key != .deleted }.values.reduce(0, +)
        var lines = [
            "Sluice \(version) is ready."
                + (isFirst ? "  Ctrl+C stops it; your files stay." : "  \(tracks) tracks, \(held) in quarantine."),
            "  API      http://\(address)",
        ]
        if isFirst {
            let key = try await firstKey(ledger)
            lines.append("  Key      \(key)     made now, shown once; another: bin/sluice keys create --name me")
        }
        lines.append("  Data     \(settings.data)         metrics http://\(metrics)/metrics     read docs/tutorial.md")
        lines.append("  Scanner  \(settings.roles.contains(.work) ? scanner(engine) : "none here: other nodes work")")
        if isFirst {
            lines += [
                "Next, in another terminal in this folder:",
                "  bin/sluice upload --sample            makes a 30 s song, sends it, waits, prints a link that plays",
                "  bin/sluice upload --sample=infected   a harmless test virus in an MP3: see it held back",
            ]
        }
        StandardError.write(lines.joined(separator: "\n") + "\n")
    }

    private static func scanner(_ engine: EngineInfo) -> String {
        if engine.engine == "off" { return "OFF: files are published unscanned (SLUICE_SCAN=off)" }
        if engine.isTest {
            return "TEST SIGNATURES ONLY. Real ones: sudo apt install clamav-freshclam, then start again"
        }
        return "ClamAV \(engine.engine), database \(engine.database), \(engine.signatures) signatures"
    }

    private static func firstKey(_ ledger: any LedgerStore) async throws -> String {
        let key = APIKey.make()
        let now = SystemTime().now
        let row = KeyRow(
            id: .make(), tenant: .operatorsOwn, name: "first", prefix: key.prefix, hash: key.hash,
            permissions: Permission.allCases.map(\.rawValue), createdAt: now, expiresAt: nil, revokedAt: nil)
        try await ledger.write("keys.first") { tx in try tx.keys.insert(row) }
        return key.text
    }
}
