import Core
import HTTPServer
import Ledger
import Platform
import ScanBridge
import Synchronization

/// What `/readyz` says: each thing this node depends on, how long it took to ask, remembered for three seconds.
final class Health: Sendable {
    private struct Said {
        let ready: Bool
        let json: JSON
        let at: Timestamp
    }

    private let ledger: any LedgerStore
    private let scanner: ScanService
    private let folder: DataFolder
    private let time: any TimeSource
    private let said = Mutex<Said?>(nil)
    private let isDraining = Atomic<Bool>(false)

    init(ledger: any LedgerStore, scanner: ScanService, folder: DataFolder, time: any TimeSource) {
        self.ledger = ledger
        self.scanner = scanner
        self.folder = folder
        self.time = time
    }

    func drain() { isDraining.store(true, ordering: .relaxed) }

    func register(on router: inout Router) {
        router.on(.get, "/healthz") { _ in .json(200, ["success": true, "data": ["status": "live"]]) }
        router.on(.get, "/readyz") { [self] request in try await ready(request) }
    }

    private func ready(_ request: Request) async throws -> Response {
        if let role = request.query["role"], !["ingest", "deliver", "work"].contains(role) {
            throw Refusal(.invalidRequest, "role is \(role), expected ingest, deliver or work.")
        }
        // Players do not depend on the scanner.
        let needsScanner = request.query["role"] != "deliver"
        let (checks, ledgerIsUp, scannerIsUp) = await look()
        let ready = ledgerIsUp && (scannerIsUp || !needsScanner) && !isDraining.load(ordering: .relaxed)
        return .json(
            ready ? 200 : 503,
            ["success": .bool(ready), "data": ["status": ready ? "ready" : "not ready", "checks": checks]],
            fields: [("Cache-Control", "no-store")])
    }

    func checks() async -> JSON { await look().0 }

    private func look() async -> (JSON, Bool, Bool) {
        let now = time.now
        if let said = said.withLock({ $0 }), now - said.at < .seconds(3), said.ready {
            return (said.json, true, true)
        }
        let began = ContinuousClock.now
        // Why it failed stands in the log of whoever needed it; here it counts that it did.
        let ledgerIsUp = (try? await ledger.read("health", { _ in true })) ?? false
        let took = (ContinuousClock.now - began).milliseconds
        let scannerIsUp = scanner.isDisabled || scanner.info != nil && scanner.trouble == nil
        var scan: [(String, JSON)] = [("status", scanner.isDisabled ? "off" : scannerIsUp ? "up" : "down")]
        if let info = scanner.info {
            scan += [("engine", .string(info.engine)), ("database", .string(info.database))]
        }
        // A disk that cannot be asked is told as full.
        let free = (try? Files.freeSpace(folder.path))?.free ?? 0
        let json: JSON = [
            "ledger": ["status": ledgerIsUp ? "up" : "down", "latencyMs": .integer(took)],
            "scanner": .object(scan),
            "disk": ["status": free > 0 ? "up" : "down", "freeBytes": .integer(free)],
        ]
        said.withLock { $0 = Said(ready: ledgerIsUp && scannerIsUp, json: json, at: now) }
        return (json, ledgerIsUp, scannerIsUp)
    }
}
