import Core
import Ledger
import Platform
import Storage

/// What a node keeps its blobs in: the store, what players are served from, and who looks after it.
struct NodeStore: Sendable {
    let store: any BlobStore
    /// The local store's own files, or the cache before a bucket.
    let shelf: any BlobShelf
    let watch: StoreWatch
    /// Aborts uploads in parts that nobody goes on with; nil where there are none.
    let sweepMultiparts: (@Sendable () async throws -> Void)?
    private let bucket: StoreOpening.Bucket?
    private let cache: ReadThroughCache?
    private let lock: CacheLock?

    /// A `SettingsFailure` says what a person must mend. A store that does not answer is told and not waited for: uploads
    /// are taken, jobs come back to it, players go on from the cache.
    static func open(
        _ settings: Settings, _ folder: DataFolder, ledger: any LedgerStore, node: NodeID, time: any TimeSource,
        log: Log, metrics: Metrics
    ) async throws -> NodeStore {
        guard let name = settings.store else {
            let store = try LocalBlobStore(root: folder.blobs, lanes: try Lanes(count: 4, name: "blobs"))
            return NodeStore(store: store, shelf: store, watch: StoreWatch(kind: "file", time: time))
        }
        return try await open(name, settings, folder, ledger, node, time, log, metrics)
    }

    private init(store: any BlobStore, shelf: any BlobShelf, watch: StoreWatch) {
        (self.store, self.shelf, self.watch) = (store, shelf, watch)
        (sweepMultiparts, bucket, cache, lock) = (nil, nil, nil, nil)
    }

    private init(
        _ bucket: StoreOpening.Bucket, _ cache: ReadThroughCache, _ lock: CacheLock, _ watch: StoreWatch
    ) {
        (store, shelf, self.watch) = (bucket.store, cache, watch)
        (self.bucket, self.cache, self.lock) = (bucket, cache, lock)
        sweepMultiparts = { _ = try await bucket.store.sweepMultiparts() }
    }

    private static func open(
        _ name: StoreName, _ settings: Settings, _ folder: DataFolder, _ ledger: any LedgerStore, _ node: NodeID,
        _ time: any TimeSource, _ log: Log, _ metrics: Metrics
    ) async throws -> NodeStore {
        let opening = StoreOpening(settings, time: time)
        guard case .bucket(let text) = name.place else { preconditionFailure("\(name) is no bucket") }
        var journal = LedgerMultipartJournal(ledger: ledger, store: name.description, node: node)
        let bucket = try opening.bucket(text, prefix: name.path, journal: journal)
        journal.isOwnOnly = true
        let brief = try opening.brief(bucket, name, journal: journal)
        let watch = StoreWatch(kind: "s3", time: time) { notice in
            switch notice {
            case .away(let reason): log.warning("store.away", [("reason", reason)])
            case .back: log.info("store.back", [])
            }
        } ask: { () async throws(BlobFailure) in
            guard let probe = BlobKey("sluice-probe") else { return }
            _ = try await brief.size(of: probe)
        }
        let (cache, lock) = try cache(settings, folder, bucket.store, time, log, metrics)
        let began = ContinuousClock.now
        do {
            // A node that only hands out needs no more than to read: its credentials may be such.
            if settings.roles == [.deliver] {
                _ = try await brief.list(prefix: "sluice-probe", after: nil, limit: 1)
            } else {
                try await brief.check()
            }
            if let warning = StoreOpening.warning(of: brief) { log.warning("store.clock", [("reason", warning)]) }
            if settings.roles != [.deliver] {
                // What earlier lives of this node were sending, nobody sends on. The rest is the hourly sweep's.
                // One of them that cannot be aborted keeps no node from starting.
                do {
                    let count = try await brief.sweepMultiparts(named: .zero, unnamed: .seconds(6 * 3600))
                    if count > 0 { log.info("store.swept", [("uploads", String(count))]) }
                } catch {
                    log.warning("store.unswept", [("reason", error.message)])
                }
            }
        } catch {
            if let mending = opening.mending(error) {
                await bucket.shutDown()
                throw mending
            }
            watch.note(error, since: began)
        }
        return NodeStore(bucket, cache, lock, watch)
    }

    private static func cache(
        _ settings: Settings, _ folder: DataFolder, _ store: S3BlobStore, _ time: any TimeSource, _ log: Log,
        _ metrics: Metrics
    ) throws -> (ReadThroughCache, CacheLock) {
        let root = settings.cacheFolder ?? folder.cache
        func refused(_ why: String) -> SettingsFailure {
            SettingsFailure([
                .init(
                    "SLUICE_CACHE_FOLDER", root, why: why,
                    remedy: "name a folder of its own that this user may write to")
            ])
        }
        do {
            try Files.makeFolder(root)
            let lock = try CacheLock(root, since: time.now)
            // Never more than half of what it could have: uploads need the disk too. A disk of unknown size has no half.
            let free = try Files.freeSpace(root)?.free ?? .max
            let room = try free.clampedSum(ReadThroughCache.held(in: root)) / 2
            if room < settings.cacheBytes {
                log.warning("cache.smaller", [("bytes", String(room)), ("wanted", String(settings.cacheBytes))])
            }
            let limits = ReadThroughCache.Limits(budget: min(settings.cacheBytes, room))
            let lanes = try Lanes(count: 4, name: "cache")
            let cache = try ReadThroughCache(root: root, limits: limits, store: store, lanes: lanes) { outcome in
                metrics.add(
                    "sluice_cache_requests_total", help: "Blobs that players asked the cache for.",
                    labels: [("result", outcome.rawValue)])
            }
            return (cache, lock)
        } catch let failure as FolderLockFailure {
            throw refused("the folder is another process's: \(failure).")
        } catch {
            throw refused("the folder cannot be used: \(error).")
        }
    }

    /// After everything that uses it.
    func shutDown() async {
        await cache?.shutDown()
        await bucket?.shutDown()
    }
}

/// Held as long as the cache lives: two processes would throw away each other's files.
private final class CacheLock: Sendable {
    private let lock: FolderLock

    init(_ folder: String, since: Timestamp) throws(FolderLockFailure) {
        lock = try FolderLock.take(folder, since: String(since.description.dropFirst(11).prefix(5)))
    }
}
