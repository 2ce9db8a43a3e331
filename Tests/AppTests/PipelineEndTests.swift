import Access
import Core
import Events
import HTTPServer
import Ingest
import Ledger
import Platform
import ScanBridge
import Storage
import StreamCoord
import Synchronization
import TestSupport
import Testing
import Transcode
import Worker

@testable import App

/// Uploads and tracks that are deleted while their job is at work: it ends as done, and nothing of them is left.
@Suite(.timeLimit(.minutes(5))) struct PipelineEndTests {
    enum Moment: String, CaseIterable, Sendable {
        case before = "finish.find"
        case scanning = "finish.stage"
        case failing = "finish.fail"
    }

    enum Deletion: CaseIterable, Sendable { case upload, track }

    @Test(arguments: Moment.allCases, Deletion.allCases)
    func `a job whose upload or track is deleted ends as done, and leaves no bytes`(
        _ moment: Moment, _ deletion: Deletion
    ) async throws {
        try await withTemporaryFolder { folder in
            let rig = try EndRig(folder)
            for size in [5_000, 50_000] {
                let row = try await rig.upload(size)
                rig.hooked.before(moment.rawValue) {
                    switch deletion {
                    case .upload: _ = try await rig.uploads.cancel(row)
                    case .track: _ = try await rig.ledger.write("test") { tx in try tx.tracks.delete(row.trackID) }
                    }
                }
                guard case .done = try await rig.finish() else {
                    Issue.record("the job did not end as done")
                    continue
                }
                let (events, small) = try await rig.ledger.read("test") { tx in
                    (
                        try tx.outbox.after(0, tenant: .operatorsOwn, limit: 100).map(\.type),
                        try tx.smallFiles.find(row.id)
                    )
                }
                #expect(!events.contains(.trackFailed) && small == nil)
                #expect(try rig.files().isEmpty)
            }
        }
    }

    @Test func `a job without rows ends as done`() async throws {
        try await withTemporaryFolder { folder in
            let rig = try EndRig(folder)
            _ = try await rig.ledger.write("test") { tx in
                try tx.jobs.enqueue(
                    NewJob(kind: "finish", queue: .finish, tenant: .operatorsOwn, uploadID: .make(), uniqueKey: "x"))
            }
            guard case .done = try await rig.finish() else {
                Issue.record("the job did not end as done")
                return
            }
        }
    }
}

private struct EndRig: Sendable {
    static let node = NodeID(checked: "node_1")

    let folder: String
    let time = ManualTime()
    let ledger: SQLiteLedger
    let hooked: HookedLedger
    let uploads: UploadService
    let pipeline: Pipeline

    init(_ folder: String) throws {
        self.folder = folder
        let data = try DataFolder(folder)
        try data.prepare()
        ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
        hooked = HookedLedger(ledger)
        let lanes = try Lanes(count: 1, name: "test")
        let events = EventWriter(publicURL: nil, hasCore: false)
        uploads = UploadService(
            limits: UploadLimits(), node: Self.node, ledger: ledger,
            spool: DiskSpool(device: try FolderDevice(folder: data.spool), durability: .fast), lanes: lanes,
            time: time, events: events)
        let store = try LocalBlobStore(root: data.blobs, lanes: lanes)
        let delivery = Delivery(
            configuration: .init(
                keys: PlaybackKeys(current: Array("a secret of 32 characters or more".utf8)), openCORS: []),
            ledger: ledger, store: store, lanes: lanes, time: time)
        // The bytes are no audio: the job ends before a program would start.
        let programs = FFmpeg(ffmpeg: "/nowhere", ffprobe: "/nowhere", jail: Jail(launcher: "/nowhere"))
        pipeline = Pipeline(
            ledger: hooked, uploads: uploads, scanner: .disabled, prober: Prober(programs),
            encoder: Encoder(programs, longest: .seconds(60)), ladder: .ladder, store: store, events: events,
            delivery: delivery, folders: data, node: Self.node, time: time, metrics: Metrics(),
            log: Log(format: .json, level: .error, time: time) { _ in })
    }

    func upload(_ size: Int) async throws -> UploadRow {
        let principal = Principal(
            tenant: .operatorsOwn, user: UserID(checked: "user-1"), permissions: [.uploadAudio, .admin])
        return try await uploads.takeWhole(
            filename: "a", contentType: nil, length: Int64(size), from: Zeros(size),
            origin: Origin(principal: principal, requestID: .make()))
    }

    func finish() async throws -> Settlement? {
        let jobs = try await ledger.write("test") { tx in
            try tx.jobs.claim(node: Self.node, boot: "b", limit: 1, lease: .seconds(30))
        }
        let job = try #require(jobs.first)
        let settlement = try await pipeline.finish(job, WorkerContext(ledger: ledger, time: time, node: Self.node))
        _ = try await ledger.write("test") { tx in try tx.jobs.settle(job.lease, .done) }
        return settlement
    }

    /// All files of the spool, of staging and of the store.
    func files() throws -> [String] {
        try ["spool", "staging", "blobs", "quarantine"].flatMap { try Self.files(folder + "/" + $0) }
    }

    private static func files(_ path: String) throws -> [String] {
        guard Files.isFolder(path) else { return [path] }
        return try Files.list(path).flatMap { try files(path + "/" + $0) }
    }
}

/// Runs a step of the test before the first transaction of a label.
private final class HookedLedger: LedgerStore {
    private let ledger: any LedgerStore
    private let hooks = Mutex<[String: @Sendable () async throws -> Void]>([:])

    init(_ ledger: any LedgerStore) { self.ledger = ledger }

    func before(_ label: String, _ hook: @escaping @Sendable () async throws -> Void) {
        hooks.withLock { $0[label] = hook }
    }

    private func pass(_ label: StaticString) async throws {
        let hook = hooks.withLock { $0.removeValue(forKey: label.description) }
        try await hook?()
    }

    func write<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await pass(label)
        return try await ledger.write(label, body)
    }

    func read<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await pass(label)
        return try await ledger.read(label, body)
    }

    var hints: Hints { ledger.hints }
    func close() async { await ledger.close() }
}

private final class Zeros: ByteSource {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        left.withLock { left in
            let taken = min(left, count)
            left -= taken
            return Array(repeating: 0, count: taken)
        }
    }

    func cancel() {}
    func rest() {}
}
