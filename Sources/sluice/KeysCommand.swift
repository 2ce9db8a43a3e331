import Access
import App
import Core
import Ledger
import Platform

/// `keys`: opens the ledger itself, whether the server runs or not.
enum KeysCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(
            arguments, valued: ["--name", "--tenant", "--permissions", "--data", "--expires"], plain: ["--json"])
        let settings = try Home.settings(data: flags.value("--data"))
        let ledger = try await Home.ledger(settings)
        do {
            let code = try await act(flags, ledger)
            await ledger.close()
            return code
        } catch {
            await ledger.close()
            throw error
        }
    }

    private static func act(_ flags: Flags, _ ledger: any LedgerStore) async throws -> Int32 {
        switch flags.names.first {
        case "create": try await create(flags, ledger)
        case "list": try await list(flags, ledger)
        case "revoke": try await revoke(flags, ledger)
        default:
            throw Complaint.usage(
                "keys does not know what to do", "sluice keys create --name NAME, list, or revoke KEY_ID")
        }
        return 0
    }

    private static func create(_ flags: Flags, _ ledger: any LedgerStore) async throws {
        guard let name = flags.value("--name"), !name.isEmpty else {
            throw Complaint.usage("the key has no name", "sluice keys create --name NAME")
        }
        guard let tenant = TenantID(flags.value("--tenant") ?? "default") else {
            throw Complaint.usage("the tenant is no id", "letters, digits, _ and -, up to 64")
        }
        let words = (flags.value("--permissions") ?? "UploadAudio,StreamAudio,ManageTracks").split(separator: ",")
        let permissions = try words.map { word in
            guard let permission = Permission(rawValue: String(word)) else {
                throw Complaint.usage(
                    "there is no permission \(word)", Permission.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return permission
        }
        let key = APIKey.make()
        let now = SystemTime().now
        let expires = try flags.value("--expires").map { now + (try Home.duration($0)) }
        let row = KeyRow(
            id: .make(), tenant: tenant, name: name, prefix: key.prefix, hash: key.hash,
            permissions: permissions.map(\.rawValue),
            createdAt: now, expiresAt: expires, revokedAt: nil)
        try await ledger.write("keys.create") { tx in try tx.keys.insert(row) }
        if flags.has("--json") {
            let json: JSON = ["id": .string(row.id.text), "key": .string(key.text)]
            Terminal.out(json.text + "\n")
        } else {
            Terminal.out(key.text + "\n")
            Terminal.error("The key \(row.id) of tenant \(tenant) is shown this once.\n")
        }
    }

    private static func list(_ flags: Flags, _ ledger: any LedgerStore) async throws {
        let rows = try await ledger.read("keys.list") { tx in try tx.keys.list(tenant: nil) }
        if flags.has("--json") {
            let items = rows.map { row -> JSON in
                [
                    "id": .string(row.id.text), "name": .string(row.name), "tenant": .string(row.tenant.text),
                    "prefix": .string(row.prefix), "permissions": .array(row.permissions.map { .string($0) }),
                    "createdAt": .string(row.createdAt.description), "expiresAt": .optional(row.expiresAt),
                    "revokedAt": .optional(row.revokedAt),
                ]
            }
            Terminal.out(JSON.array(items).text + "\n")
        } else if rows.isEmpty {
            Terminal.out("No keys yet. Make one: sluice keys create --name NAME\n")
        } else {
            for row in rows {
                let state = row.revokedAt == nil ? "" : "  revoked"
                Terminal.out(
                    "\(row.id)  \(row.prefix)…  \(row.tenant)  \(row.permissions.joined(separator: ","))  \(row.name)\(state)\n"
                )
            }
        }
    }

    private static func revoke(_ flags: Flags, _ ledger: any LedgerStore) async throws {
        guard let id = flags.names.dropFirst().first.flatMap({ KeyID($0) }) else {
            throw Complaint.usage("no key is named", "sluice keys revoke KEY_ID; their ids: sluice keys list")
        }
        guard try await ledger.write("keys.revoke", { tx in try tx.keys.revoke(id) }) else {
            throw Complaint(
                "cannot revoke \(id)", why: "there is no such live key", remedy: "sluice keys list", code: "NOT_FOUND")
        }
        Terminal.error("Revoked. The server knows within 5 s.\n")
    }
}
