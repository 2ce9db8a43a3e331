import App
import Core
import Ledger

/// `migrate`: brings the ledger's schema up to this program, or says what that would change. It opens the ledger itself.
enum MigrateCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, valued: ["--data"], plain: ["--plan", "--json"])
        guard flags.names.isEmpty else {
            throw Complaint.usage("migrate takes no \(flags.names[0])", "sluice migrate [--plan]")
        }
        let settings = try Home.settings(data: flags.value("--data"))
        let steps = try await Home.plan(settings)
        if !flags.has("--plan") { await (try await Home.ledger(settings)).close() }
        if flags.has("--json") {
            let items = steps.map { step -> JSON in
                [
                    "number": .integer(Int64(step.number)), "name": .string(step.name),
                    "oldestProgram": .string(step.oldestProgram.description),
                    "statements": .integer(Int64(step.statements.count)),
                ]
            }
            Terminal.out(JSON.array(items).text + "\n")
        } else if steps.isEmpty {
            Terminal.out("The ledger's schema is that of sluice \(ProgramVersion.current).\n")
        } else {
            for step in steps {
                Terminal.out(
                    "\(flags.has("--plan") ? "would run" : "ran")  step \(step.number)  \(step.name)  "
                        + "\(step.statements.count) statements, runs beside sluice \(step.oldestProgram) and later\n")
            }
        }
        return 0
    }
}
