import Core
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

@Suite struct `Verifying` {
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
