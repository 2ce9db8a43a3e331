import Core
import HTTPServer
import Ledger
import Platform
import ScanBridge
import Synchronization

/// What `/readyz` says: each thing this node depends on, and how long it took to ask. The ledger is asked again and again
/// by `run`, and not by whoever looks: one that does not answer keeps nobody waiting. The same look sets the gauges of the
/// queues.
final class Health: Sendable {
    private struct LedgerLook {
        var isUp = false
        var took = Duration.zero
        /// Since when an answer is waited for.
        var asked: ContinuousClock.Instant?
    }

    /// A ledger that has not answered for so long is down.
    private static let patience = Duration.seconds(2)

    private let roles: Set<Role>
    private let ledgerStore: any LedgerStore
    private let scanner: ScanService
    private let store: StoreWatch
    private let folder: DataFolder
    private let time: any TimeSource
    private let metrics: Metrics
    private let ledger = Mutex(LedgerLook())
    private let isDraining = Atomic<Bool>(false)

    init(
        roles: Set<Role>, ledger: any LedgerStore, scanner: ScanService, store: StoreWatch, folder: DataFolder,
        time: any TimeSource, metrics: Metrics = Metrics()
    ) {
        self.roles = roles
        ledgerStore = ledger
        self.store = store
        self.scanner = scanner
        self.folder = folder
        self.time = time
        self.metrics = metrics
    }

    func run() async {
        while !Task.isCancelled {
            // Cancelled: the loop ends by itself.
            try? await time.sleep(for: .seconds(1))
            await look()
        }
    }

    /// Asks the ledger once.
    func look() async {
        let began = ContinuousClock.now
        ledger.withLock { $0.asked = began }
        // Why it failed stands in the log of whoever needed it; here it counts that it did.
        let queues = try? await ledgerStore.read("health") { tx in
            (jobs: try tx.jobs.counts(), dead: try tx.deadLetters.counts(tenant: nil))
        }
        ledger.withLock { $0 = LedgerLook(isUp: queues != nil, took: ContinuousClock.now - began) }
        guard let queues else { return }
        for queue in Queue.allCases {
            let label = [("queue", queue.rawValue)]
            metrics.set(
                "queue_depth", Double(queues.jobs[queue]?[.queued] ?? 0), help: "Queued jobs, due or not.",
                labels: label)
            metrics.set(
                "dlq_size", Double(queues.dead[queue] ?? 0), help: "Dead jobs and dead deliveries.", labels: label)
        }
    }

    func drain() { isDraining.store(true, ordering: .relaxed) }

    func register(on router: inout Router) {
        router.on(.get, "/healthz") { _ in .json(200, ["success": true, "data": ["status": "live"]]) }
        router.on(.get, "/readyz") { [self] request in try ready(request) }
    }

    private func ready(_ request: Request) throws -> Response {
        var judged = roles
        if let word = request.query["role"] {
            guard let role = Role(rawValue: word) else {
                throw Refusal(.invalidRequest, "role is \(word), expected ingest, deliver or work.")
            }
            judged = [role]
        }
        // Players do not depend on the scanner.
        let needsScanner = judged != [.deliver] && roles.contains(.work)
        // Uploads wait in the spool until the store is back.
        let needsStore = judged != [.ingest]
        let (checks, ledgerIsUp, scannerIsUp) = said()
        // A role that is not this node's is not served by it.
        let ready =
            judged.isSubset(of: roles) && ledgerIsUp && (scannerIsUp || !needsScanner) && (store.isUp || !needsStore)
            && !isDraining.load(ordering: .relaxed)
        return .json(
            ready ? 200 : 503,
            ["success": .bool(ready), "data": ["status": ready ? "ready" : "not ready", "checks": checks]],
            fields: [("Cache-Control", "no-store")])
    }

    var checks: JSON { said().json }

    private var disk: JSON {
        do throws(Errno) {
            // A disk of unknown size is not full.
            guard let space = try Files.freeSpace(folder.path) else { return ["status": "up", "freeBytes": .null] }
            return ["status": space.free > 0 ? "up" : "down", "freeBytes": .integer(space.free)]
        } catch {
            return ["status": "down", "freeBytes": 0]
        }
    }

    private func said() -> (json: JSON, ledgerIsUp: Bool, scannerIsUp: Bool) {
        let look = ledger.withLock(\.self)
        let waited = look.asked.map { ContinuousClock.now - $0 } ?? .zero
        let ledgerIsUp = look.isUp && waited < Self.patience
        let took = ledgerIsUp ? look.took : max(look.took, waited)
        let scannerIsUp = scanner.isDisabled || scanner.info != nil && scanner.trouble == nil
        var scan: [(String, JSON)] = [
            ("status", !roles.contains(.work) ? "elsewhere" : scanner.isDisabled ? "off" : scannerIsUp ? "up" : "down")
        ]
        if let info = scanner.info {
            scan += [("engine", .string(info.engine)), ("database", .string(info.database))]
        }
        let json: JSON = [
            "ledger": ["status": ledgerIsUp ? "up" : "down", "latencyMs": .integer(took.milliseconds)],
            "scanner": .object(scan),
            "store": store.said.json,
            "disk": disk,
        ]
        return (json, ledgerIsUp, scannerIsUp)
    }
}
