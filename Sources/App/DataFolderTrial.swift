import Ledger
package import Platform

/// Tries in the data folder what the service does there: in a folder of its own, which is gone afterwards.
package struct DataFolderTrial: Sendable {
    /// Where it is tried: the data folder, or the first folder above it that exists.
    package let path: String
    private let hasLedger: Bool

    package init(_ settings: Settings) throws(Errno) {
        var path = try DataFolder(settings.data).path
        while !Files.exists(path) { path = Files.parent(of: path) ?? "/" }
        self.path = path
        hasLedger = settings.ledger == nil
    }

    /// Throws what does not work, with its path.
    package func run() async throws {
        let folder = "\(path)/.sluice-doctor-\(UInt64.random(in: 0 ... .max))"
        try Files.makeFolder(folder)
        do {
            try tryFiles(folder)
            if hasLedger { try await tryLedger(folder) }
        } catch {
            // The first failure is the one to report.
            try? Files.removeTree(folder)
            throw error
        }
        try Files.removeTree(folder)
    }

    private func tryFiles(_ folder: String) throws {
        let (old, new) = (folder + "/old", folder + "/new")
        try Files.writeAtomically([1, 2, 3], to: old)
        try Files.createAtomically([4], at: new)
        try Files.rename(new, to: old)
        guard try Files.readWhole(old, limit: 9) == [4] else {
            throw StartFailure("\(old) has other bytes than were written to it.")
        }
        // Quarantine and joined uploads are second names.
        let file = SharedDescriptor(try .reading(old))
        try Files.link(file.descriptor, to: new)
        _ = SharedDescriptor(try .unnamed(in: folder))
        let held = try Held(folder)
        guard try isLocked(folder) else { throw StartFailure("A lock in \(path) does not keep a second process out.") }
        withExtendedLifetime(held) {}
    }

    private func isLocked(_ folder: String) throws(FolderLockFailure) -> Bool {
        do throws(FolderLockFailure) {
            _ = try Held(folder)
            return false
        } catch {
            if case .held = error { return true }
            throw error
        }
    }

    private final class Held: Sendable {
        private let lock: FolderLock

        init(_ folder: String) throws(FolderLockFailure) { lock = try FolderLock.take(folder, since: "now") }
    }

    /// SQLite needs shared memory and locks of byte ranges beside its file.
    private func tryLedger(_ folder: String) async throws {
        let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"))
        do {
            _ = try await ledger.read("doctor") { tx in try tx.queues.paused() }
        } catch {
            await ledger.close()
            throw error
        }
        // Its threads have the files open until then.
        await ledger.close()
    }
}
