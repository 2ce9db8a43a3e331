import Core
import Ingest
import Ledger
import Platform
import Storage
import TestSupport
import Testing

@testable import App

/// A ledger and a store in a folder of the test's own, with one track that is whole.
private struct VerifyRig: Sendable {
    static let tenant = TenantID(checked: "label")
    static let owner = UserID(checked: "user@1")

    let ledger: SQLiteLedger
    let store: LocalBlobStore

    static func run(_ body: (VerifyRig) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let rig = VerifyRig(
                ledger: try SQLiteLedger(.init(path: folder + "/ledger.sqlite")),
                store: try LocalBlobStore(root: folder + "/blobs", lanes: try Lanes(count: 1, name: "verify")))
            try await body(rig)
            await rig.ledger.close()
        }
    }

    static func original(_ number: Int, of track: String) -> BlobKey {
        .original(
            of: UploadID(checked: "up_\(number)"), track: TrackID(checked: track), owner: owner, extension: "flac")
    }

    /// Published: two segments of 10 and 20 bytes, and an original of 9.
    func publish(_ id: String, generation: String = "gen_1") async throws {
        let track = TrackID(checked: id)
        let folder = BlobKey.generation(GenerationID(checked: generation), of: track)
        let sizes = ["init.mp4": 3, "index.m3u8": 4, "00000.m4s": 10, "00001.m4s": 20]
        for (name, size) in sizes { try await put(size, "\(folder)/aac-128/\(name)") }
        try await put(7, "\(folder)/index.m3u8")
        let original = Self.original(1, of: id)
        try await put(9, original.path)
        let row = TrackRow(
            id: track, tenant: Self.tenant, owner: Self.owner, uploadID: UploadID(checked: "up_1"), title: "t",
            createdAt: Timestamp(seconds: 1))
        let built = GenerationRow(
            id: GenerationID(checked: generation), trackID: track, profile: "aac", node: NodeID(checked: "node_1"),
            createdAt: row.createdAt, heartbeatAt: row.createdAt)
        try await ledger.write("test") { tx in
            try tx.tracks.insert(row)
            try tx.generations.insert(built)
            try tx.tracks.setOriginal(track, key: original.path, contentType: "audio/flac", size: 9, sha256: "a")
            _ = try tx.tracks.publish(
                track, generation: built.id, metadata: "{}", scan: "{}",
                renditions: #"[{"name":"aac-128","codec":"aac","bytes":30,"segments":2}]"#)
        }
    }

    func put(_ count: Int, _ path: String) async throws {
        try await store.put([UInt8](repeating: 7, count: count), at: try #require(BlobKey(path)))
    }

    var findings: [Verify.Finding] { get async throws { try await Verify.run(ledger: ledger, store: store) } }

    /// `kind key`, in order.
    var told: [String] { get async throws { try await findings.map { "\($0.kind) \($0.subject)" }.sorted() } }
}

@Suite(.timeLimit(.minutes(5))) struct `Verifying` {
    @Test func `finds nothing where ledger and store agree`() async throws {
        try await VerifyRig.run { rig in
            try await rig.publish("trk_a")
            #expect(try await rig.told.isEmpty)
        }
    }

    @Test func `finds what is missing, what is torn and what nobody names`() async throws {
        try await VerifyRig.run { rig in
            try await rig.publish("trk_a")
            try await rig.publish("trk_b", generation: "gen_2")
            try await rig.store.delete(try #require(BlobKey("hls/trk_a/gen_1/aac-128/00001.m4s")))
            try await rig.store.delete(try #require(BlobKey("hls/trk_a/gen_1/index.m3u8")))
            try await rig.put(19, "hls/trk_b/gen_2/aac-128/00001.m4s")
            try await rig.put(8, VerifyRig.original(1, of: "trk_b").path)
            try await rig.put(1, "hls/trk_a/gen_9/aac-128/00000.m4s")
            try await rig.put(1, "tracks/u/trk_z/up_9.flac")
            try await rig.put(1, "media/label/avatar/up_9.png")
            try await rig.put(1, "notes.txt")
            #expect(
                try await rig.told == [
                    "foreign notes.txt", "missing hls/trk_a/gen_1/aac-128/00001.m4s",
                    "missing hls/trk_a/gen_1/index.m3u8", "orphan hls/trk_a/gen_9/aac-128/00000.m4s",
                    "orphan media/label/avatar/up_9.png", "orphan tracks/u/trk_z/up_9.flac",
                    "size hls/trk_b/gen_2/aac-128/", "size tracks/user%401/trk_b/up_1.flac",
                ])
        }
    }

    @Test func `goes through more tracks than it asks for at once`() async throws {
        try await VerifyRig.run { rig in
            try await rig.ledger.write("test") { tx in
                for number in 1000..<1501 {
                    let id = TrackID(checked: "trk_\(number)")
                    let row = TrackRow(
                        id: id, tenant: VerifyRig.tenant, owner: VerifyRig.owner,
                        uploadID: UploadID(checked: "up_\(number)"), title: "t", createdAt: Timestamp(seconds: 1))
                    try tx.tracks.insert(row)
                    let key = VerifyRig.original(number, of: id.text).path
                    try tx.tracks.setOriginal(id, key: key, contentType: "audio/flac", size: 9, sha256: "a")
                    let generation = GenerationID(checked: "gen_\(number)")
                    try tx.generations.insert(
                        GenerationRow(
                            id: generation, trackID: id, profile: "aac", node: NodeID(checked: "node_1"),
                            createdAt: row.createdAt, heartbeatAt: row.createdAt))
                    _ = try tx.tracks.publish(
                        id, generation: generation, metadata: "{}", scan: "{}", renditions: "[]")
                }
            }
            try await rig.put(9, VerifyRig.original(1250, of: "trk_1250").path)
            let told = try await rig.told
            #expect(told.count == 500 && !told.contains { $0.contains("trk_1250") })
            #expect(told.last == "missing \(VerifyRig.original(1500, of: "trk_1500"))")
        }
    }

    @Test func `leaves alone what is under way`() async throws {
        try await VerifyRig.run { rig in
            try await rig.publish("trk_a")
            let built = GenerationRow(
                id: GenerationID(checked: "gen_5"), trackID: TrackID(checked: "trk_a"), profile: "aac",
                node: NodeID(checked: "node_1"), createdAt: Timestamp(seconds: 1), heartbeatAt: Timestamp(seconds: 1))
            let media = MediaRow(
                id: UploadID(checked: "up_7"), tenant: VerifyRig.tenant, owner: VerifyRig.owner, use: .avatar,
                originalName: "a.png", size: 1, sha256: "a", createdAt: Timestamp(seconds: 1))
            try await rig.ledger.write("test") { tx in
                try tx.generations.insert(built)
                try tx.media.insert(media)
                _ = try tx.tracks.setUpload(built.trackID, UploadID(checked: "up_2"))
            }
            // A new encoding, a new original of a track that is ready, and a picture, each before its last word.
            try await rig.put(1, "hls/trk_a/gen_5/aac-128/00000.m4s")
            try await rig.put(1, VerifyRig.original(2, of: "trk_a").path)
            try await rig.put(1, "media/label/avatar/up_7.png")
            #expect(try await rig.told.isEmpty)
        }
    }

    @Test func `repairs by deleting orphans, and nothing else`() async throws {
        try await VerifyRig.run { rig in
            try await rig.publish("trk_a")
            try await rig.put(1, "hls/trk_a/gen_9/aac-128/00000.m4s")
            try await rig.put(1, "notes.txt")
            try await rig.store.delete(try #require(BlobKey("hls/trk_a/gen_1/aac-128/00001.m4s")))
            let findings = try await rig.findings
            let gone = try await Verify.repair(findings, ledger: rig.ledger, store: rig.store)
            #expect(gone == ["hls/trk_a/gen_9/aac-128/00000.m4s"])
            #expect(try await rig.told == ["foreign notes.txt", "missing hls/trk_a/gen_1/aac-128/00001.m4s"])
        }
    }

    @Test func `asks the ledger again before it deletes`() async throws {
        try await VerifyRig.run { rig in
            try await rig.publish("trk_a")
            let key = "hls/trk_a/gen_1/aac-128/00000.m4s"
            // As if its track had been published after the look.
            let stale = [Verify.Finding(.orphan, key, "Nothing in the ledger names it.")]
            #expect(try await Verify.repair(stale, ledger: rig.ledger, store: rig.store).isEmpty)
            #expect(try await rig.told.isEmpty)
        }
    }

    @Test func `deletes nothing by a ledger that knows none of it`() async throws {
        try await VerifyRig.run { rig in
            try await rig.put(1, "hls/trk_a/gen_9/aac-128/00000.m4s")
            let findings = try await rig.findings
            await #expect(throws: Verify.WrongLedger.self) {
                try await Verify.repair(findings, ledger: rig.ledger, store: rig.store)
            }
            #expect(try await rig.told.count == 1)
        }
    }
}

/// A data folder of `node_1`, with a ledger, a spool and a quarantine.
private struct LocalRig: Sendable {
    static let node = NodeID(checked: "node_1")

    let ledger: SQLiteLedger
    let store: LocalBlobStore
    let folder: DataFolder
    let spool: DiskSpool

    static func run(_ body: (LocalRig) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let rig = try LocalRig(DataFolder(folder))
            try await body(rig)
            await rig.ledger.close()
        }
    }

    private init(_ folder: DataFolder) throws {
        try folder.prepare()
        try Files.writeAtomically(Array(Self.node.text.utf8), to: folder.path + "/node")
        self.folder = folder
        ledger = try SQLiteLedger(.init(path: folder.path + "/ledger.sqlite"))
        store = try LocalBlobStore(root: folder.blobs, lanes: try Lanes(count: 1, name: "verify"))
        spool = DiskSpool(device: try FolderDevice(folder: folder.spool), durability: .fast)
    }

    /// An upload of a track that is processing; its bytes, where it has some, lie in the spool.
    @discardableResult
    func add(
        _ id: String, _ state: UploadState = .verifying, node: NodeID = node, hasBytes: Bool = true,
        isSealed: Bool = true
    ) async throws -> UploadRow {
        let row = UploadRow(
            id: UploadID(checked: "up_\(id)"), trackID: TrackID(checked: "trk_\(id)"), tenant: VerifyRig.tenant,
            owner: VerifyRig.owner, protocol: .chunks, state: state, filename: "a.flac", size: 20_000,
            requestID: .make(), node: node, expiresAt: Timestamp(seconds: 1), createdAt: Timestamp(seconds: 1))
        try await ledger.write("test") { tx in
            try tx.uploads.insert(row)
            try tx.tracks.insert(
                TrackRow(
                    id: row.trackID, tenant: row.tenant, owner: row.owner, uploadID: row.id, title: "t",
                    createdAt: row.createdAt))
        }
        if hasBytes { try write(row.id, isSealed: isSealed) }
        return row
    }

    func write(_ upload: UploadID, isSealed: Bool = true) throws {
        let file = try #require(try spool.open(upload, creating: true))
        try file.write([UInt8](repeating: 7, count: 20_000), at: 0)
        var records = [JournalRecord(.extent(completesAlone: false), 0..<20_000)]
        if isSealed { records.append(JournalRecord(.sealed(sha256: [UInt8](repeating: 1, count: 32)), 0..<20_000)) }
        try file.record(records)
    }

    func hold(_ row: UploadRow) async throws -> QuarantineRow {
        try folder.quarantine(try spool.sealed(row.id), row.id)
        try spool.remove(row.id)
        let held = QuarantineRow(
            trackID: row.trackID, uploadID: row.id, tenant: row.tenant, reason: .infected, evidence: "{}",
            at: row.createdAt)
        try await ledger.write("test") { tx in
            try tx.quarantine.insert(held)
            _ = try tx.tracks.quarantine(row.trackID, code: .infected, message: "m", scan: nil)
            _ = try tx.uploads.setState(row.id, from: [row.state], to: .quarantined)
        }
        return held
    }

    func remove(_ path: String) throws { #expect(try Files.remove(folder.path + "/" + path)) }

    var findings: [Verify.Finding] {
        get async throws {
            try await Verify.run(ledger: ledger, store: store, data: folder.path, isServed: false)
        }
    }

    var reported: [String] { get async throws { try await findings.map { "\($0.kind) \($0.subject)" }.sorted() } }
}

@Suite(.timeLimit(.minutes(5))) struct `Verifying spool and quarantine` {
    @Test func `finds nothing where every upload has its bytes`() async throws {
        try await LocalRig.run { rig in
            try await rig.add("a")
            try await rig.add("b", .receiving, isSealed: false)
            try await rig.add("c", .receiving, hasBytes: false)
            try await rig.add("d", node: NodeID(checked: "node_2"), hasBytes: false)
            _ = try await rig.hold(rig.add("e"))
            // In the ledger, because it is small.
            let small = try await rig.add("f", hasBytes: false)
            try await rig.ledger.write("test") { try $0.smallFiles.insert(small.id, [1]) }
            // Sent in one request: its rows come with its last byte.
            let whole = UploadID(checked: "up_g")
            try rig.write(whole)
            try await rig.ledger.write("test") { tx in
                _ = try tx.reservations.reserve(
                    ReservationRow(owner: whole.text, node: LocalRig.node, tenant: VerifyRig.tenant, bytes: 1),
                    available: 100)
            }
            // About to be quarantined: the second name stands before its row.
            let row = try await rig.add("h")
            try rig.folder.quarantine(try rig.spool.sealed(row.id), row.id)
            #expect(try await rig.reported == [])
        }
    }

    @Test func `finds uploads and held files whose bytes are gone`() async throws {
        try await LocalRig.run { rig in
            try await rig.add("a", hasBytes: false)
            try await rig.add("b")
            try rig.remove("spool/_b/up_b.data")
            try await rig.add("c", .receiving, isSealed: false)
            try rig.remove("spool/_c/up_c.data")
            _ = try await rig.hold(rig.add("d"))
            try rig.remove("quarantine/up_d")
            #expect(
                try await rig.reported == [
                    "missing quarantine/up_d", "missing spool/up_a", "missing spool/up_b", "missing spool/up_c",
                ])
        }
    }

    @Test func `finds files that no row needs, and a repair deletes those alone`() async throws {
        try await LocalRig.run { rig in
            try await rig.add("a")
            try rig.write(UploadID(checked: "up_x"))
            try await rig.add("b", .cancelled)
            let held = try await rig.hold(rig.add("c"))
            try await rig.ledger.write("test") { _ = try $0.quarantine.setState(held.id, from: .held, to: .deleted) }
            try Files.writeAtomically([1], to: rig.folder.spool + "/notes.txt")
            let orphans = ["orphan quarantine/up_c", "orphan spool/up_b", "orphan spool/up_x"]
            let findings = try await rig.findings
            #expect(findings.map { "\($0.kind) \($0.subject)" }.sorted() == ["foreign spool/notes.txt"] + orphans)
            #expect(findings.first { $0.subject == "spool/up_x" }?.size ?? 0 > 20_000)
            let gone = try await Verify.repair(
                findings, ledger: rig.ledger, store: rig.store, data: rig.folder.path)
            #expect(gone == ["quarantine/up_c", "spool/up_b", "spool/up_x"])
            #expect(try await rig.reported == ["foreign spool/notes.txt"])
            #expect(try rig.spool.sealed(UploadID(checked: "up_a")).size == 20_000)
        }
    }

    @Test func `leaves out what a running server ends meanwhile`() async throws {
        try await LocalRig.run { rig in
            try await rig.add("a", .cancelled)
            let local = try #require(try LocalBytes(ledger: rig.ledger, data: rig.folder.path))
            let strays = try await local.strays { try rig.spool.remove(UploadID(checked: "up_a")) }
            #expect(strays.isEmpty)
        }
    }

    @Test func `deletes nothing by a ledger that does not know this node`() async throws {
        try await LocalRig.run { rig in
            try rig.write(UploadID(checked: "up_x"))
            let findings = try await rig.findings
            #expect(findings.map(\.subject) == ["spool/up_x"])
            await #expect(throws: Verify.WrongLedger.self) {
                try await Verify.repair(findings, ledger: rig.ledger, store: rig.store, data: rig.folder.path)
            }
            #expect(try await rig.reported == ["orphan spool/up_x"])
        }
    }
}
