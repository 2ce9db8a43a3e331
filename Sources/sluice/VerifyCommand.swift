import App
import Core
import Ledger
import Storage

/// `verify`: what the ledger promises against what lies in the store, the spool and the quarantine, both ways.
enum VerifyCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, valued: ["--data"], plain: ["--json", "--repair", "--yes"])
        let settings = try Home.settings(data: flags.value("--data"))
        let ledger = try await Home.ledger(settings)
        let opened: StoreOpening.Opened
        do {
            opened = try StoreOpening(settings).open()
        } catch {
            await ledger.close()
            throw error
        }
        let result: Result<Int32, any Error>
        do {
            result = .success(try await verify(flags, settings, ledger, opened.store))
        } catch let failure as BlobFailure {
            result = .failure(StoreCommand.complaint("cannot read the store", failure))
        } catch {
            result = .failure(error)
        }
        await opened.shutDown()
        await ledger.close()
        return try result.get()
    }

    private static func verify(
        _ flags: Flags, _ settings: Settings, _ ledger: any LedgerStore, _ store: any BlobStore
    ) async throws -> Int32 {
        let isServed = Server.address(settings.data) != nil
        let findings = try await Verify.run(ledger: ledger, store: store, data: settings.data, isServed: isServed)
        let isJSON = flags.has("--json")
        if !isJSON {
            for one in findings { Terminal.out("\(one.kind)  \(one.subject)  \(one.message)\n") }
        }
        var gone: Set<String> = []
        if flags.has("--repair"), try confirmed(findings, flags) {
            do {
                gone = try await Verify.repair(findings, ledger: ledger, store: store, data: settings.data)
            } catch is Verify.WrongLedger {
                throw Complaint(
                    "nothing was deleted", why: "this ledger knows no track of these files: it is probably another's",
                    remedy: "look at SLUICE_LEDGER, SLUICE_DATA and SLUICE_STORE")
            }
            let count = try await StoreOpening(settings).sweepMultiparts(ledger, isServed: isServed)
            if !isJSON, count > 0 { Terminal.out("aborted  \(count) unfinished uploads\n") }
        }
        let left = findings.filter { $0.kind != .orphan || !gone.contains($0.subject) }
        if isJSON {
            let items = findings.map { one -> JSON in
                .object((one.json.members ?? []) + [("repaired", .bool(gone.contains(one.subject)))])
            }
            Terminal.out(JSON.array(items).text + "\n")
        } else {
            say(findings, gone: gone, left: left)
        }
        return left.isEmpty ? 0 : 1
    }

    private static func say(_ findings: [Verify.Finding], gone: Set<String>, left: [Verify.Finding]) {
        if !gone.isEmpty { Terminal.out("deleted  \(gone.count) files that nothing named\n") }
        if findings.isEmpty || left.isEmpty {
            return Terminal.out("The ledger agrees with the store, the spool and the quarantine.\n")
        }
        let kinds = Set(left.map(\.kind))
        if kinds.contains(.orphan) { Terminal.error("do: sluice verify --repair deletes the orphans\n") }
        if !kinds.isDisjoint(with: [.missing, .size]) {
            Terminal.error("do: restore what is missing from a backup, or send those files again\n")
        }
    }

    /// Nothing is deleted that nobody was asked for.
    private static func confirmed(_ findings: [Verify.Finding], _ flags: Flags) throws -> Bool {
        let orphans = findings.filter { $0.kind == .orphan }
        guard !orphans.isEmpty, !flags.has("--yes") else { return true }
        guard Terminal.inputIsTerminal else {
            throw Complaint.usage("repairing asks first, and nobody can answer here", "add --yes")
        }
        let size = ByteText.of(orphans.reduce(0) { $0 + $1.size })
        Terminal.error("\(orphans.count) files (\(size)) would be deleted. Go on? [y/N] ")
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            Terminal.error("Nothing was changed.\n")
            return false
        }
        return true
    }
}
