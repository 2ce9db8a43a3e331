import Access
import Core
import Events
import HTTPClient
import HTTPServer
import Ingest
import Ledger
import Platform
import ScanBridge
import Storage
import StreamCoord
import Transcode
import Worker

extension Node {
    /// Builds everything; a `SettingsFailure` names the setting that cannot be followed. A ledger that is away is waited for,
    /// unless `isUnwanted` comes to be true.
    static func start(
        _ settings: Settings, version: String, isUnwanted: @escaping @Sendable () -> Bool
    ) async throws -> Node {
        let time = SystemTime()
        let log = Self.log(settings)
        let metrics = Metrics()
        let folder = try DataFolder(settings.data)
        let lock = try takeFolder(folder, time)
        let isNew = !Files.exists(LedgerOpening.file(settings))
        let secrets = try Secrets(settings, folder)
        let node = try folder.nodeID()
        let boot = randomBase62(16)
        let ledger = try await openLedger(settings, time, log, isUnwanted)
        let isFirst =
            settings.ledger == nil
            ? isNew : try await ledger.read("keys.first") { tx in try tx.keys.list(tenant: nil).isEmpty }

        let jail = Jail(launcher: try Jail.beside("sluice-jail"), isEnforced: settings.sandbox)
        let isWorker = settings.roles.contains(.work)
        // Nothing is run where no job is.
        let programs =
            isWorker ? try await findPrograms(jail, settings, log) : FFmpeg(ffmpeg: "", ffprobe: "", jail: jail)
        let (scanner, engine) = isWorker ? try await startScanner(settings, folder) : (.disabled, .off)
        try checkReach(settings, engine)

        let storage = try await NodeStore.open(
            settings, folder, ledger: ledger, node: node, time: time, log: log, metrics: metrics)
        let store = storage.store
        let events = EventWriter(publicURL: settings.publicURL, hasCore: settings.coreURL != nil)
        let uploads = UploadService(
            limits: limits(settings), node: node, ledger: ledger,
            spool: DiskSpool(
                device: try FolderDevice(folder: folder.spool), durability: settings.durability == .full ? .full : .fast
            ),
            lanes: try Lanes(count: 16, name: "spool"), time: time, events: events
        ) { notice in
            if notice.isError { log.error(notice.name, notice.fields) } else { log.info(notice.name, notice.fields) }
        }
        let cors = CORS(origins: settings.corsOrigins)
        let delivery = Delivery(
            configuration: .init(keys: secrets.playback, openCORS: cors.open) { notice in
                switch notice {
                case .away(let reason): log.warning("delivery.ledger-away", [("reason", reason)])
                case .back: log.info("delivery.ledger-back", [])
                }
            }, ledger: ledger, store: storage.shelf, lanes: try Lanes(count: 2, name: "files"), time: time)
        let pipeline = Pipeline(
            ledger: ledger, uploads: uploads, scanner: scanner, prober: Prober(programs),
            encoder: Encoder(programs, longest: settings.maximumDuration), ladder: settings.ladder, store: store,
            events: events,
            delivery: delivery, folders: folder, node: node, time: time, metrics: metrics, log: log)
        let media = MediaPipeline(
            ledger: ledger, uploads: uploads, scanner: scanner, store: store, folders: folder)
        let callbacks = try HTTPClient(.init(addresses: .anywhere))
        let sender = CallbackSender(
            ledger: ledger,
            configuration: .init(
                coreURL: settings.coreURL, coreAPIKey: settings.coreAPIKey?.text,
                secrets: [settings.callbackSecret.flatMap { CallbackSecret($0.text) }].compactMap { $0 }),
            time: time, metrics: metrics, post: CallbackPoster.post(with: callbacks))

        let deadEnds = DeadEnds([
            Pipeline.kind: { job, tx in try pipeline.deadEnd(job, tx) },
            UploadService.mediaJob: { job, tx in try media.deadEnd(job, tx) },
        ])
        try await takeBack(ledger, node, boot, settings, time, deadEnds)
        _ = try await uploads.recover()
        let sweep = Sweep(ledger: ledger, store: store, shelf: storage.shelf, node: node, time: time)
        try await sweep.leftovers()
        let removal = TrackRemoval(
            ledger: ledger, sweep: sweep, uploads: uploads, folders: folder, node: node, time: time)

        let maintenance = Maintenance(ledger: ledger, time: time)
        let encoders = settings.encoders ?? processors()
        var work = WorkerPool.Configuration(
            node: node, boot: boot, limits: isWorker ? [.finish: encoders, .deliver: 8, .sweep: 4] : [:])
        work.drain = settings.drainTimeout
        let report = Self.report(log)
        let worker = WorkerPool(
            ledger: ledger, configuration: work,
            handlers: [
                Pipeline.kind: { job, context in try await pipeline.finish(job, context) },
                UploadService.mediaJob: { job, context in try await media.judge(job, context) },
                UploadService.mediaRemoval: { job, context in try await media.remove(job, context) },
                HeldWork.removal: { job, _ in try await pipeline.removeHeld(job) },
                Tracks.removal: { job, _ in try await removal.run(job) },
                Maintenance.kind: { job, _ in try await maintenance.run(job) },
                CoreCallback.kind: { job, _ in try await sender.run(job) },
            ], deadEnds: deadEnds, time: time, report: report)
        // Who sweeps must be allowed to delete in the store: a node that only hands out need not be.
        let sweeps = [
            PeriodicTask("multiparts.sweep", every: .seconds(3600)) { try await storage.sweepMultiparts?() },
            PeriodicTask("generations.sweep", every: .seconds(30)) {
                try await sweep.old(after: max(settings.playbackTTL, Playback.longest))
            },
            PeriodicTask("originals.sweep", every: .seconds(30)) { try await sweep.originals() },
        ]
        let scheduler = Scheduler(
            ledger: ledger,
            tasks: Scheduler.upkeep(of: ledger, deadEnds: deadEnds, time: time) + [
                // Their own names on each node: every node ends its uploads, and beats.
                PeriodicTask("uploads.sweep:\(node)", every: .seconds(30)) {
                    while try await uploads.sweep(limit: 100) == 100 {}
                },
                PeriodicTask("deliveries.sweep", every: .seconds(60)) { try await CallbackSweep(ledger: ledger).run() },
                PeriodicTask("node.heartbeat:\(node)", every: .seconds(10)) {
                    _ = try await ledger.write("node.heartbeat") { tx in try tx.nodes.heartbeat(node, boot: boot) }
                },
            ] + (isWorker ? sweeps : []), jobs: Maintenance.schedule(), time: time, report: report)

        let health = Health(
            roles: settings.roles, ledger: ledger, scanner: scanner, store: storage.watch, folder: folder, time: time,
            metrics: metrics)
        await health.look()
        let gate = RateGate(settings.rateLimit, time: time, metrics: metrics)
        let proxies = TrustedProxies(settings.trustedProxies)
        let routes = Routes(
            settings: settings, secrets: secrets, ledger: ledger, uploads: uploads, delivery: delivery, events: events,
            health: health,
            metrics: metrics, gate: gate, time: time)
        var configuration = ServerConfiguration(listen: settings.listen)
        configuration.maximumConnections = settings.maximumConnections
        configuration.idleTimeout = settings.idleTimeout
        configuration.fieldsOfRefusals = cors.open
        let http = HTTPServer(
            configuration,
            responder: FrontDoor(
                router: try routes.api(), delivery: settings.roles.contains(.deliver) ? delivery : nil, cors: cors,
                log: log, metrics: metrics, proxies: proxies, gate: gate,
                uploadAbilities: settings.roles.contains(.ingest) ? FileRoutes.abilities(uploads.limits) : []))
        var small = ServerConfiguration(listen: settings.metricsListen)
        small.maximumConnections = 256
        small.reactors = 1
        let metricsServer = HTTPServer(
            small,
            responder: FrontDoor(
                router: routes.metricsOnly(), delivery: nil, cors: CORS(origins: []), log: log, metrics: Metrics(),
                proxies: TrustedProxies([]), gate: RateGate(nil, time: time, metrics: metrics)))
        let address = try bind(http, "SLUICE_LISTEN", settings.listen)
        let metricsAddress = try bind(metricsServer, "SLUICE_METRICS_LISTEN", settings.metricsListen)
        let addresses: JSON = ["http": .string(address), "metrics": .string(metricsAddress)]
        try Files.writeAtomically(addresses.bytes, to: folder.addresses)
        try await Banner.show(
            settings, version: version, address: address, metrics: metricsAddress, engine: engine, isFirst: isFirst,
            ledger: ledger)
        return Node(
            NodeParts(
                settings: settings, folder: folder, ledger: ledger, scanner: scanner, engine: engine, http: http,
                metricsServer: metricsServer, callbacks: callbacks, worker: worker, scheduler: scheduler,
                health: health, storage: storage, log: log,
                address: address, metricsAddress: metricsAddress, lock: lock))
    }

    // MARK: What may be refused

    private static func takeFolder(_ folder: DataFolder, _ time: any TimeSource) throws -> FolderLock {
        func refused(_ why: String, _ remedy: String) -> SettingsFailure {
            SettingsFailure([.init("SLUICE_DATA", folder.path, why: why, remedy: remedy)])
        }
        do {
            try Files.makeFolder(folder.path)
        } catch {
            throw refused(
                "the folder cannot be made or written to: \(error).", "name a folder that this user may write to")
        }
        let lock: FolderLock
        do {
            lock = try FolderLock.take(folder.path, since: String(time.now.description.dropFirst(11).prefix(5)))
        } catch .held(let holder) {
            throw refused("Sluice (\(holder)) serves this folder already.", "stop it, or name another folder")
        } catch {
            throw refused("the folder cannot be written to: \(error).", "name a folder that this user may write to")
        }
        do {
            try folder.prepare()
        } catch {
            throw refused("the folder cannot be written to: \(error).", "name a folder that this user may write to")
        }
        return lock
    }

    private static func bind(_ server: HTTPServer, _ key: String, _ address: String) throws -> String {
        do {
            return try server.start()
        } catch {
            let why =
                error.code == Errno.addressTaken.code
                ? "the address is taken by another program." : "it cannot be listened on: \(error)."
            throw SettingsFailure([
                .init(key, address, why: why, remedy: "name another address; port 0 picks a free one")
            ])
        }
    }

    private static func openLedger(
        _ settings: Settings, _ time: any TimeSource, _ log: Log, _ isUnwanted: @escaping @Sendable () -> Bool
    ) async throws -> any LedgerStore {
        var opening = LedgerOpening(settings, time: time)
        opening.patience = .seconds(60)
        opening.waiting = { log.warning("ledger.waiting", [("reason", $0), ("upTo", "60 s")]) }
        opening.isUnwanted = isUnwanted
        return try await opening.open()
    }

    private static func findPrograms(_ jail: Jail, _ settings: Settings, _ log: Log) async throws -> FFmpeg {
        guard let ffmpeg = find("ffmpeg"), let ffprobe = find("ffprobe") else {
            throw StartFailure("ffmpeg and ffprobe are not installed: sudo apt install ffmpeg")
        }
        if settings.sandbox {
            do {
                let proof = try await jail.prove(program: ffmpeg)
                log.info(
                    "jail.proven",
                    [("landlock", String(proof.landlockVersion)), ("stopped", proof.stopped.joined(separator: ","))])
            } catch {
                throw SettingsFailure([
                    .init(
                        "SLUICE_SANDBOX", "on", why: "\(error.message).",
                        remedy: "mend the cause, or at your own risk --unsafe-no-sandbox")
                ])
            }
        } else {
            log.warning("sandbox.off", [("meaning", "ffmpeg and the scanner run with all rights of this service")])
        }
        return FFmpeg(ffmpeg: ffmpeg, ffprobe: ffprobe, jail: jail)
    }

    private static func find(_ program: String) -> String? {
        ["/usr/bin/", "/usr/local/bin/", "/bin/"].map { $0 + program }.first(where: Files.isExecutable)
    }

    private static func startScanner(_ settings: Settings, _ folder: DataFolder) async throws -> (
        ScanService, EngineInfo
    ) {
        guard settings.scan else { return (.disabled, .off) }
        let database = settings.clamavDatabase ?? ScanConfiguration.findDatabase()
        let scanner = ScanService(
            ScanConfiguration(
                program: try Jail.beside("sluice-scan"), database: database,
                workers: settings.scanWorkers ?? processors(),
                deadline: settings.scanDeadline, scratch: folder.scanScratch, sandbox: settings.sandbox))
        do {
            return (scanner, try await scanner.start())
        } catch {
            guard settings.clamavDatabase != nil else {
                throw StartFailure("the scanner does not start: \(error.message)")
            }
            throw SettingsFailure([
                .init(
                    "SLUICE_CLAMAV_DB", database ?? "", why: "the scanner does not start: \(error.message).",
                    remedy: "name a ClamAV database")
            ])
        }
    }

    /// With test signatures nothing is really scanned: such a service must not be reached from elsewhere by mistake.
    private static func checkReach(_ settings: Settings, _ engine: EngineInfo) throws {
        guard engine.isTest, !settings.allowTestSignatures else { return }
        let host = settings.listen.prefix(upTo: settings.listen.lastIndex(of: ":") ?? settings.listen.endIndex)
        guard !host.hasPrefix("127."), host != "localhost", host != "[::1]" else { return }
        throw SettingsFailure([
            .init(
                "SLUICE_LISTEN", settings.listen,
                why: "only test signatures are loaded, and this address is reached from elsewhere.",
                remedy: "sudo apt install clamav-freshclam, or --allow-test-signatures")
        ])
    }

    // MARK: Small parts

    private static func log(_ settings: Settings) -> Log {
        let format = settings.logFormat ?? (StandardError.isTerminal ? .text : .json)
        // People read standard error; collectors read standard output.
        let descriptor: Int32 = format == .json ? 1 : 2
        return Log(format: format, level: settings.logLevel) { StandardError.put($0, to: descriptor) }
    }

    private static func limits(_ settings: Settings) -> UploadLimits {
        var limits = UploadLimits()
        limits.audioBytes = settings.maximumAudioBytes
        limits.imageBytes = settings.maximumImageBytes
        limits.videoBytes = settings.maximumVideoBytes
        limits.docBytes = settings.maximumDocBytes
        limits.maxDuration = settings.maximumDuration
        limits.uploadsPerHour = settings.uploadsPerHour
        limits.openUploads = settings.openUploads
        limits.lifetime = settings.uploadTTL
        limits.tenantQuota = settings.tenantQuota
        limits.queueDepth = settings.queueDepth
        return limits
    }

    /// Jobs of this node's earlier lives go on at once: nobody else works them.
    private static func takeBack(
        _ ledger: any LedgerStore, _ node: NodeID, _ boot: String, _ settings: Settings, _ time: any TimeSource,
        _ deadEnds: DeadEnds
    ) async throws {
        let row = NodeRow(
            id: node, boot: boot, name: settings.nodeName ?? node.text,
            roles: Role.allCases.filter(settings.roles.contains).map(\.rawValue),
            startedAt: time.now,
            heartbeatAt: time.now)
        try await ledger.write("node.start") { tx in
            try tx.nodes.register(row)
            _ = try tx.jobs.takeBack(node: node, exceptBoot: boot) { try deadEnds.reached(by: $0, in: tx) }
        }
    }

    private static func report(_ log: Log) -> @Sendable (WorkerReport) -> Void {
        { report in
            switch report {
            case .began(let job): log.debug("job.began", fields(job))
            case .ended(let job, .dead(let error), _): log.error("job.dead", fields(job) + [("reason", error)])
            case .ended(let job, .retry(_, let error), _): log.warning("job.retry", fields(job) + [("reason", error)])
            case .ended(let job, _, let took): log.info("job.done", fields(job) + [("ms", String(took.milliseconds))])
            case .leaseLost(let job): log.warning("job.lease-lost", fields(job))
            case .noHandler(let job): log.error("job.no-handler", fields(job))
            case .abandoned(let job): log.warning("job.abandoned", fields(job))
            case .ledger(let operation, let error):
                log.error("ledger.failed", [("operation", operation), ("reason", error)])
            }
        }
    }

    private static func fields(_ job: ClaimedJob) -> [(String, String)] {
        [
            ("job", job.id.text), ("kind", job.kind), ("track", job.trackID?.text ?? ""),
            ("request", job.requestID?.text ?? ""),
            ("attempt", String(job.attempt)),
        ]
    }
}

/// Something this machine lacks; the sentence says how to mend it.
struct StartFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
