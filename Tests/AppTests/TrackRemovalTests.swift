import Core
import Events
import Ingest
import Ledger
import Platform
import Storage
import TestSupport
import Testing
import Worker

@testable import App

/// A data folder with a ledger, a store and a spool, and the parts that remove bytes.
private struct RemovalRig: Sendable {
    static let tenant = TenantID(checked: "label")
    static let node = NodeID(checked: "node_1")

    let time = ManualTime()
    let ledger: SQLiteLedger
    let store: LocalBlobStore
    let folder: DataFolder
    let uploads: UploadService

    static func run(_ body: (RemovalRig) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let rig = try RemovalRig(DataFolder(folder))
            try await body(rig)
            await rig.ledger.close()
        }
    }

    private init(_ folder: DataFolder) throws {
        try folder.prepare()
        self.folder = folder
        ledger = try SQLiteLedger(.init(path: folder.path + "/ledger.sqlite"), time: time)
        store = try LocalBlobStore(root: folder.blobs, lanes: try Lanes(count: 1, name: "blobs"))
        uploads = UploadService(
            limits: UploadLimits(), node: Self.node, ledger: ledger,
            spool: DiskSpool(device: try FolderDevice(folder: folder.spool), durability: .fast),
            lanes: try Lanes(count: 1, name: "spool"), time: time, events: EventWriter(publicURL: nil, hasCore: false))
    }

    var sweep: Sweep { Sweep(ledger: ledger, store: store, shelf: store, node: Self.node, time: time) }

    var removal: TrackRemoval {
        TrackRemoval(ledger: ledger, sweep: sweep, uploads: uploads, folders: folder, node: Self.node, time: time)
    }

    /// A ready track: an encoding, an original, and bytes of its upload that are still in the spool.
    func publish(_ number: Int) async throws -> (track: TrackID, upload: UploadID) {
        let (track, upload) = (TrackID(checked: "trk_\(number)"), UploadID(checked: "up_\(number)"))
        let generation = GenerationID(checked: "gen_\(number)")
        let original = BlobKey.original(
            of: upload, track: track, owner: UserID(checked: "u"), extension: "flac")
        try await store.put([1, 2, 3], at: original)
        try await store.put([1, 2], at: try #require(BlobKey("hls/\(track)/\(generation)/aac-128/00000.m4s")))
        let now = time.now
        try await ledger.write("test") { tx in
            try tx.uploads.insert(
                UploadRow(
                    id: upload, trackID: track, tenant: Self.tenant, owner: UserID(checked: "u"), protocol: .chunks,
                    state: .verifying, filename: "a.flac", size: 3, requestID: .make(), node: Self.node,
                    expiresAt: now + .seconds(60), createdAt: now))
            try tx.smallFiles.insert(upload, [1, 2, 3])
            try tx.tracks.insert(
                TrackRow(
                    id: track, tenant: Self.tenant, owner: UserID(checked: "u"), uploadID: upload, title: "t",
                    createdAt: now))
            try tx.generations.insert(
                GenerationRow(
                    id: generation, trackID: track, profile: "aac", node: Self.node, createdAt: now,
                    heartbeatAt: now))
            try tx.tracks.setOriginal(
                track, key: original.path, contentType: "audio/flac", size: 3, sha256: "a")
            _ = try tx.tracks.publish(track, generation: generation, metadata: nil, scan: nil, renditions: nil)
        }
        // Read once, the small file lies in the spool too.
        _ = try await uploads.sealed(upload)
        return (track, upload)
    }

    func delete(_ track: TrackID) async throws {
        #expect(try await ledger.write("test") { try $0.tracks.delete(track) })
    }

    func claim(_ queue: Queue = .sweep, limit: Int = 500) async throws -> [ClaimedJob] {
        try await ledger.write("test") {
            try $0.jobs.claim(node: Self.node, boot: "b", queues: [queue], limit: limit, lease: .seconds(30))
        }
    }

    /// Every file of store, spool and quarantine, and what lies in the ledger.
    func left() async throws -> [String] {
        let blobs = try await store.list(prefix: "", after: nil, limit: 1000).map(\.key.path)
        let spool = try Files.list(folder.spool).flatMap { try Files.list(folder.spool + "/" + $0) }
        let held = try Files.list(folder.path + "/quarantine")
        let small = try await ledger.read("test") { try $0.smallFiles.list(node: Self.node, limit: 1000) }
        return blobs + spool + held + small.map(\.text)
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The bytes of a deleted track` {
    @Test func `are removed by its job at once, wherever they lie`() async throws {
        try await RemovalRig.run { rig in
            let (track, _) = try await rig.publish(1)
            #expect(try await rig.left().count == 5)
            try await rig.delete(track)
            let job = try #require(try await rig.claim().first)
            #expect(try await rig.removal.run(job) == .done)
            #expect(try await rig.left().isEmpty)
            #expect(try await rig.removal.run(job) == .done, "it may run twice")
        }
    }

    @Test func `are removed by the sweep without a wait, however many tracks were deleted`() async throws {
        try await RemovalRig.run { rig in
            for number in 1...150 {
                let (track, upload) = try await rig.publish(number)
                try await rig.uploads.release(upload)
                try await rig.delete(track)
            }
            rig.time.advance(by: .milliseconds(1))
            try await rig.sweep.old(after: .seconds(86_400))
            try await rig.sweep.originals()
            #expect(try await rig.left().isEmpty)
        }
    }

    @Test func `stay while a job reads them, and go when it has ended`() async throws {
        try await RemovalRig.run { rig in
            let (track, upload) = try await rig.publish(1)
            try await rig.ledger.write("test") { tx in
                _ = try tx.jobs.enqueue(
                    NewJob(
                        kind: "finish", queue: .finish, tenant: RemovalRig.tenant, trackID: track, uploadID: upload,
                        uniqueKey: UploadService.finishKey(upload)))
            }
            let reader = try #require(try await rig.claim(.finish).first)
            try await rig.delete(track)
            let job = try #require(try await rig.claim().first)
            #expect(try await rig.removal.run(job) == .postponed(until: rig.time.now + TrackRemoval.patience))
            #expect(try await rig.uploads.sealed(upload).size == 3)
            #expect(try await rig.ledger.write("test") { try $0.jobs.settle(reader.lease, .done) })
            #expect(try await rig.removal.run(job) == .done)
            #expect(try await rig.left().isEmpty)
        }
    }

    @Test func `go from the quarantine too, released or not`() async throws {
        for isReleased in [false, true] {
            try await RemovalRig.run { rig in
                let (track, upload) = try await rig.publish(1)
                try rig.folder.quarantine(try await rig.uploads.sealed(upload), upload)
                let now = rig.time.now
                let row = QuarantineRow(
                    trackID: track, uploadID: upload, tenant: RemovalRig.tenant, reason: .infected, evidence: "{}",
                    at: now)
                try await rig.ledger.write("test") { tx in
                    try tx.quarantine.insert(row)
                    _ = try tx.tracks.quarantine(track, code: .infected, message: "m", scan: nil)
                    _ = try tx.uploads.setState(upload, from: [.verifying], to: .quarantined)
                    guard isReleased else { return }
                    _ = try HeldWork.enqueue(.release, row, by: UserID(checked: "boss"), .make(), in: tx)
                }
                try await rig.delete(track)
                let job = try #require(try await rig.claim().first)
                #expect(try await rig.removal.run(job) == .done)
                try await rig.sweep.old(after: .seconds(60))
                #expect(try await rig.left().isEmpty)
                let held = try await rig.ledger.read("test") { try $0.quarantine.find(row.id) }
                #expect(held?.state == .deleted)
            }
        }
    }

    @Test func `that are still being received end with their upload`() async throws {
        try await RemovalRig.run { rig in
            let (track, upload) = try await rig.publish(1)
            try await rig.ledger.write("test") {
                _ = try $0.uploads.setState(upload, from: [.verifying], to: .receiving)
            }
            try await rig.delete(track)
            let job = try #require(try await rig.claim().first)
            #expect(try await rig.removal.run(job) == .done)
            #expect(try await rig.left().isEmpty)
            #expect(try await rig.ledger.read("test") { try $0.uploads.find(upload)?.state } == .cancelled)
        }
    }
}
