import Access
import App
import Core
import Ledger
import Platform

/// The server's own machine: its settings, data folder and ledger.
enum Home {
    static func settings(data: String? = nil) throws -> Settings {
        try Settings.load(arguments: data.map { ["--data", $0] } ?? [], environment: Sluice.environment)
    }

    /// The folder is made, so that a key can be there before the first start.
    static func ledger(_ settings: Settings) async throws -> any LedgerStore {
        do {
            try Files.makeFolder(settings.data)
            var opening = LedgerOpening(settings)
            opening.connections = 1
            return try await opening.open()
        } catch let error as LedgerFailure {
            throw Complaint("cannot open the ledger", why: error.message, remedy: "sluice doctor")
        } catch let failure as SettingsFailure {
            throw failure
        } catch {
            throw Complaint("cannot open the data folder", why: "\(error)", remedy: "name one with SLUICE_DATA")
        }
    }

    /// What opening the ledger would change; nothing is changed.
    static func plan(_ settings: Settings) async throws -> [Migration] {
        do {
            return try await LedgerOpening(settings).plan()
        } catch let error as LedgerFailure {
            throw Complaint("cannot open the ledger", why: error.message, remedy: "sluice doctor")
        }
    }

    static func duration(_ text: String) throws -> Duration {
        guard let duration = Duration(setting: text) else {
            throw Complaint.usage("\(text) is no duration", "such as 90s, 15m, 4h or 7d")
        }
        return duration
    }

    static func secret(_ settings: Settings, _ name: String) throws -> [UInt8] {
        do {
            return Array(try SecretFile.readOrMake(folder: settings.data + "/secrets", name: name).utf8)
        } catch {
            throw Complaint("cannot read the secret \(name)", why: "\(error)", remedy: "run as the server's own user")
        }
    }
}
