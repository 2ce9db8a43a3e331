import Access
import Core
import HTTPClient
import HTTPServer
import Ingest
import Ledger
import Platform
import ScanBridge
import Storage
import StreamCoord
import Synchronization
import Transcode
import Worker

/// One running Sluice: every part, built in the order of the arrows. `run` starts what moves and ends it in order.
final class Node: Sendable {
    let settings: Settings
    let folder: DataFolder
    let ledger: any LedgerStore
    let scanner: ScanService
    let engine: EngineInfo
    let http: HTTPServer
    let metricsServer: HTTPServer
    let callbacks: HTTPClient
    let worker: WorkerPool
    let scheduler: Scheduler
    let health: Health
    let storage: NodeStore
    let log: Log
    let address: String
    let metricsAddress: String
    /// Held as long as the process lives.
    private let lock: FolderLock

    init(_ parts: consuming NodeParts) {
        settings = parts.settings
        folder = parts.folder
        ledger = parts.ledger
        scanner = parts.scanner
        engine = parts.engine
        http = parts.http
        metricsServer = parts.metricsServer
        callbacks = parts.callbacks
        worker = parts.worker
        scheduler = parts.scheduler
        health = parts.health
        storage = parts.storage
        log = parts.log
        address = parts.address
        metricsAddress = parts.metricsAddress
        lock = parts.lock
    }

    /// Until the first signal; the exit code.
    func run(until stop: AsyncStream<Int32>) async -> Int32 {
        log.info("listening", [("http", address), ("metrics", metricsAddress)])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.health.run() }
            group.addTask { await self.storage.watch.run() }
            group.addTask { await self.worker.run() }
            group.addTask { await self.scheduler.run() }
            for await _ in stop { break }
            log.info("draining", [])
            health.drain()
            // Work stops while requests still finish: both have the same time.
            group.cancelAll()
            await http.drain(within: settings.drainTimeout)
            await group.waitForAll()
        }
        await metricsServer.drain(within: .seconds(1))
        await scanner.stop()
        await callbacks.shutDown()
        await storage.shutDown()
        await ledger.close()
        // The next start writes it anew.
        _ = try? Files.remove(folder.addresses)
        log.info("stopped", [])
        return 0
    }
}

/// What a node is made of, on its way into one.
struct NodeParts: ~Copyable {
    let settings: Settings
    let folder: DataFolder
    let ledger: any LedgerStore
    let scanner: ScanService
    let engine: EngineInfo
    let http: HTTPServer
    let metricsServer: HTTPServer
    let callbacks: HTTPClient
    let worker: WorkerPool
    let scheduler: Scheduler
    let health: Health
    let storage: NodeStore
    let log: Log
    let address: String
    let metricsAddress: String
    let lock: FolderLock
}
