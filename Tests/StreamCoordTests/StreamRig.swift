import Access
import Core
import Events
import HTTPServer
import Ledger
import Platform
import Storage
import TestSupport
import Testing

@testable import StreamCoord

/// Everything of this room over a real ledger and store in a folder of the test's own, asked in memory.
struct StreamRig: Sendable {
    static let secret = Array("playback-secret-0123456789abcdef".utf8)
    static let tenant = TenantID(checked: "label")
    static let user = UserID(checked: "user-1")

    let time = ManualTime()
    let ledger: SQLiteLedger
    /// What delivery asks: the same ledger, which a test may take away.
    let asked: DistantLedger
    let notices = Notices()
    let store: any BlobStore
    let delivery: Delivery
    let events: EventWriter
    let keys: PlaybackKeys
    let router: Router

    /// `far` is a store that keeps no files here: then there is a cache before it. `principal` is who every request of the API comes from.
    init(
        folder: String, hasCore: Bool = false, previous: [UInt8]? = nil,
        principal: Principal = .of(permissions: [.streamAudio, .manageTracks]), far: FaultyStore? = nil
    ) throws {
        ledger = try SQLiteLedger(.init(path: folder + "/ledger.sqlite"), time: time)
        let lanes = try Lanes(count: 1, name: "test")
        let near = try LocalBlobStore(root: folder + "/blobs", lanes: lanes)
        store = far ?? near
        let shelf: any BlobShelf =
            try far.map {
                try ReadThroughCache(
                    root: folder + "/cache", limits: .init(budget: 1 << 20, largest: 65_536), store: $0, lanes: lanes)
            } ?? near
        asked = DistantLedger(ledger)
        keys = PlaybackKeys(current: Self.secret, previous: previous)
        events = EventWriter(publicURL: nil, hasCore: hasCore)
        delivery = Delivery(
            configuration: .init(keys: keys, openCORS: [("Access-Control-Allow-Origin", "*")]) { [notices] in
                notices.add($0)
            }, ledger: asked, store: shelf, lanes: lanes, time: time)
        var router = Router()
        delivery.register(on: &router)
        TrackRoutes(ledger: ledger, events: events, delivery: delivery).register(on: &router) { _ in principal }
        Playback(
            configuration: .init(keys: keys, lifetime: .seconds(3600), publicURL: nil), ledger: ledger,
            delivery: delivery, time: time
        ).register(on: &router) { _ in principal }
        self.router = router
    }

    static func run(far: FaultyStore? = nil, _ body: (StreamRig) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in try await body(StreamRig(folder: folder, far: far)) }
    }

    // MARK: Rows

    func insert(_ id: String, tenant: TenantID = tenant, owner: String = "user-1") async throws -> TrackRow {
        let row = TrackRow(
            id: TrackID(checked: id), tenant: tenant, owner: try #require(UserID(owner)), uploadID: nil,
            title: "Song \(id)", createdAt: time.now)
        try await ledger.write("test.track") { tx in try tx.tracks.insert(row) }
        return row
    }

    /// A track with one segment, its playlists and its original, published.
    @discardableResult
    func publish(
        _ id: String, generation: String = "gen_1", tenant: TenantID = tenant, visibility: Visibility = .private,
        publishAt: Timestamp? = nil
    ) async throws -> TrackRow {
        let row = try await insert(id, tenant: tenant)
        return try await republish(row, generation: generation, visibility: visibility, publishAt: publishAt)
    }

    @discardableResult
    func republish(
        _ row: TrackRow, generation: String, visibility: Visibility = .private, publishAt: Timestamp? = nil
    ) async throws -> TrackRow {
        let name = GenerationID(checked: generation)
        let folder = BlobKey.generation(name, of: row.id)
        for (path, bytes) in Self.files(generation) { try await store.put(bytes, at: #require(folder.below(path))) }
        let original = BlobKey.original(
            of: UploadID(checked: "up_1"), track: row.id, owner: row.owner, extension: "flac")
        try await store.put(Self.original, at: original)
        let generationRow = GenerationRow(
            id: name, trackID: row.id, profile: "aac", node: NodeID(checked: "node_1"), createdAt: time.now,
            heartbeatAt: time.now)
        return try await ledger.write("test.publish") { tx in
            try tx.generations.insert(generationRow)
            try tx.tracks.setOriginal(
                row.id, key: original.path, contentType: "audio/flac", size: 9, sha256: "abc")
            try tx.tracks.setVisibility(row.id, visibility, publishAt: publishAt)
            _ = try tx.tracks.publish(
                row.id, generation: name, metadata: #"{"durationMs":6000,"codec":"flac","rate":44100,"channels":2}"#,
                scan: #"{"engine":"clamav","verdict":"clean"}"#,
                renditions: #"[{"name":"aac-128","codec":"aac"},{"name":"flac","codec":"flac"}]"#)
            return try #require(try tx.tracks.find(row.id))
        }
    }

    static let segment = (0..<4000).map { UInt8(truncatingIfNeeded: $0) }
    static let original = Array("original.".utf8)

    static func playlist(_ generation: String) -> [UInt8] {
        Array((["#EXTM3U"] + (0..<100).map { "\(generation)/\($0).m4s" }).joined(separator: "\n").utf8)
    }

    private static func files(_ generation: String) -> [(String, [UInt8])] {
        [
            ("index.m3u8", playlist(generation)), ("aac-128/index.m3u8", playlist("media")),
            ("aac-128/00000.m4s", segment), ("aac-128/init.mp4", [1, 2, 3]),
        ]
    }

    // MARK: Tokens

    func token(
        _ track: String, tenant: TenantID = tenant, session: String? = "ses_1", lasts: Int64 = 600
    ) -> String {
        keys.mint(
            PlaybackToken(
                track: TrackID(checked: track), tenant: tenant, session: session, expires: time.now.seconds + lasts),
            issuedAt: time.now)
    }

    /// Claims as a core API's JWT library would sign them, whatever they say.
    func token(claims: JSON, secret: [UInt8] = secret) -> String { JWT.sign(claims, secret: secret) }

    // MARK: Requests

    func get(_ path: String, _ fields: [(String, String)] = []) async -> Answer {
        Answer(await router.respond(to: Request(.get, path, fields: fields)))
    }

    func send(_ method: Method, _ path: String, _ body: JSON? = nil) async -> Answer {
        let body = body.map { Body(bytes: $0.bytes) } ?? .empty
        return Answer(await router.respond(to: Request(method, path, fields: [("Host", "sluice.example")], body: body)))
    }

    func part(_ track: String, token: String, generation: String = "gen_1") -> String {
        "/stream/\(token)/\(track)/\(generation)/aac-128/00000.m4s"
    }
}

extension Principal {
    static func of(
        tenant: TenantID = StreamRig.tenant, permissions: Set<Permission>
    ) -> Principal {
        Principal(tenant: tenant, user: StreamRig.user, permissions: permissions)
    }
}

/// A response, read whole.
struct Answer {
    let response: Response
    init(_ response: Response) { self.response = response }

    var status: Int { response.status }
    subscript(_ field: String) -> String? { response[field] }

    var bytes: [UInt8] {
        get throws {
            switch response.body {
            // What is written piece by piece is read with `received`.
            case .none, .stream, .counted: []
            case .bytes(let bytes): bytes
            case .file(let file, let range): try file.descriptor.read(upTo: range.count, at: range.lowerBound)
            }
        }
    }

    /// The body, however it comes.
    var received: [UInt8] {
        get async throws {
            guard case .counted(let count, let write) = response.body else { return try bytes }
            let sink = TakenBytes()
            try await write(StreamWriter(sink))
            #expect(Int64(sink.bytes.count) == count)
            return sink.bytes
        }
    }

    var json: JSON { get throws { try JSON.parse(bytes) } }
    var data: JSON? { get throws { try json["data"] } }
    var code: String? { get throws { try json["error"]?["code"]?.string } }
}
