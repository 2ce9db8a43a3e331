@testable import App
import Core
import Events
import Ingest
import Ledger
import Platform
import ScanBridge
import Storage
import StreamCoord
import TestSupport
import Testing
import Transcode
import Worker

/// The job `finish` over a ledger of its own, without a scanner, and with programs of the test's in place of ffmpeg.
struct PipelineRig: Sendable {
    let ledger: any LedgerStore
    let time: ManualTime
    let pipeline: Pipeline
    private let folder: String

    private static let node = NodeID(checked: "node_1")
    static let track = TrackID(checked: "trk_1")
    private static let upload = UploadID(checked: "up_1")

    fileprivate init(_ folder: String, ledger: any LedgerStore, time: ManualTime, program: String) throws {
        self.ledger = ledger
        self.time = time
        self.folder = folder
        let path = folder + "/program"
        try Files.writeAtomically(Array("#!/bin/sh\n\(program)\n".utf8), to: path, mode: 0o700)
        let jail = Jail(launcher: try Jail.beside("sluice-jail"), isEnforced: false)
        let programs = FFmpeg(ffmpeg: path, ffprobe: path, jail: jail)
        let folders = try DataFolder(folder)
        try folders.prepare()
        let lanes = try Lanes(count: 1, name: "test")
        let events = EventWriter(publicURL: nil, hasCore: true)
        let store = try LocalBlobStore(root: folders.blobs, lanes: lanes)
        pipeline = Pipeline(
            ledger: ledger,
            uploads: UploadService(
                limits: UploadLimits(), node: Self.node, ledger: ledger,
                spool: DiskSpool(device: try FolderDevice(folder: folders.spool), durability: .fast), lanes: lanes,
                time: time, events: events),
            scanner: .disabled, prober: Prober(programs), encoder: Encoder(programs, longest: .seconds(60)),
            ladder: .aac, store: store, events: events,
            delivery: Delivery(
                configuration: .init(keys: PlaybackKeys(current: [1]), openCORS: []), ledger: ledger, store: store,
                lanes: lanes, time: time),
            folders: folders, node: Self.node, time: time, metrics: Metrics(),
            log: Log(format: .json, level: .error, time: time) { _ in })
    }

    /// A complete upload with its track and its job.
    func add(_ bytes: [UInt8], size: Int64? = nil) async throws {
        let now = time.now
        try await ledger.write("add") { tx in
            let (tenant, owner) = (TenantID(checked: "a"), UserID(checked: "u"))
            try tx.tracks.insert(
                TrackRow(
                    id: Self.track, tenant: tenant, owner: owner, uploadID: Self.upload, title: "a", createdAt: now))
            try tx.uploads.insert(
                UploadRow(
                    id: Self.upload, trackID: Self.track, tenant: tenant, owner: owner, protocol: .tus,
                    state: .verifying, filename: "a.flac", size: size ?? Int64(bytes.count), sha256: "00",
                    requestID: RequestID(checked: "r"), node: Self.node, expiresAt: now + .seconds(86_400),
                    createdAt: now))
            if !bytes.isEmpty { try tx.smallFiles.insert(Self.upload, bytes) }
            try tx.jobs.enqueue(
                NewJob(
                    kind: Pipeline.kind, queue: .finish, tenant: tenant, trackID: Self.track, uploadID: Self.upload,
                    pinnedNode: Self.node))
        }
    }

    /// One attempt, settled as the pool would do it.
    func attempt() async throws {
        let claimed = try await ledger.write("claim") { tx in
            try tx.jobs.claim(node: Self.node, boot: "b", queues: [.finish], limit: 1, lease: .seconds(30))
        }
        let job = try #require(claimed.first)
        do {
            let context = WorkerContext(ledger: ledger, time: time, node: Self.node)
            #expect(try await pipeline.finish(job, context) == .settled)
        } catch {
            let outcome = AttemptEnd.outcome(
                of: error, attempt: job.attempt, maximumAttempts: job.maximumAttempts,
                policy: .schedule([.zero, .zero, .zero], spread: 0), now: time.now)
            let deadEnds = DeadEnds([Pipeline.kind: pipeline.deadEnd])
            let isSettled = try await ledger.write("settle") { tx in
                guard try tx.jobs.settle(job.lease, outcome) else { return false }
                guard case .dead = outcome, let row = try tx.jobs.find(job.id)?.job else { return true }
                try deadEnds.reached(by: row, in: tx)
                return true
            }
            #expect(isSettled)
        }
    }

    func found() async throws -> TrackRow {
        try #require(try await ledger.read("track") { tx in try tx.tracks.find(Self.track) })
    }

    var job: JobRow {
        get async throws {
            try #require(
                try await ledger.read("job") { tx in
                    try tx.jobs.list(tenant: TenantID(checked: "a"), limit: 10).rows.first { $0.kind == Pipeline.kind }
                })
        }
    }

    /// Types of the events that left, and how many callbacks wait.
    func told() async throws -> (events: [EventType], callbacks: Int) {
        try await ledger.read("told") { tx in
            let events = try tx.outbox.after(0, tenant: TenantID(checked: "a"), limit: 10).map(\.type)
            let jobs = try tx.jobs.list(tenant: TenantID(checked: "a"), limit: 10).rows
            return (events, jobs.count { $0.kind == CoreCallback.kind })
        }
    }
}

func withPipeline(program: String, _ body: (PipelineRig) async throws -> Void) async throws {
    try await withTemporaryFolder { folder in
        let time = ManualTime()
        let ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
        try await body(try PipelineRig(folder, ledger: ledger, time: time, program: program))
        await ledger.close()
    }
}
