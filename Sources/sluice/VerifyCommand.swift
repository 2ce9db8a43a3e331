import App
import Core
import Ledger

/// `verify`: what the ledger promises against what lies in the store, both ways.
enum VerifyCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, valued: ["--data"], plain: ["--json"])
        let settings = try Home.settings(data: flags.value("--data"))
        let ledger = try await Home.ledger(settings)
        let findings: [Verify.Finding]
        do {
            findings = try await Verify.run(ledger: ledger, blobs: settings.data + "/blobs")
        } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
        if flags.has("--json") {
            Terminal.out(JSON.array(findings.map(\.json)).text + "\n")
        } else if findings.isEmpty {
            Terminal.out("The ledger and the store agree.\n")
        } else {
            for one in findings { Terminal.out("\(one.kind)  \(one.subject)  \(one.message)\n") }
        }
        return findings.isEmpty ? 0 : 1
    }
}
