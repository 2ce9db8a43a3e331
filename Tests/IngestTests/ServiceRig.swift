import Access
import Core
import Events
import HTTPServer
import Ledger
import Platform
import Synchronization

@testable import Ingest

/// A service on a ledger in a folder of its own and a disk in memory, and its restart.
final class ServiceRig: Sendable {
    static let node = NodeID(checked: "node_test")
    static let user = Principal(
        tenant: .operatorsOwn, user: named("user-1"), permissions: [.uploadAudio])

    let folder: String
    let device: MemoryDevice
    let time: TestTime
    let ledger: SQLiteLedger
    /// What the service has of it.
    let failing: FailingLedger
    let pausing: PausingLedger
    let service: UploadService
    private let ownsFolder: Bool

    convenience init(_ change: (inout UploadLimits) -> Void = { _ in }) throws {
        let folder = "/tmp/sluice-ingest-\(randomBase62(12))"
        try Files.makeFolder(folder)
        let time = TestTime()
        let ledger = try SQLiteLedger(SQLiteLedger.Configuration(path: folder + "/ledger.db"), time: time)
        try self.init(folder: folder, device: MemoryDevice(), time: time, ledger: ledger, ownsFolder: true, change)
    }

    private init(
        folder: String, device: MemoryDevice, time: TestTime, ledger: SQLiteLedger, ownsFolder: Bool,
        _ change: (inout UploadLimits) -> Void
    ) throws {
        var limits = UploadLimits()
        change(&limits)
        (self.folder, self.device, self.time, self.ledger, self.ownsFolder) = (folder, device, time, ledger, ownsFolder)
        pausing = PausingLedger(ledger)
        failing = FailingLedger(pausing)
        service = UploadService(
            limits: limits, node: Self.node, ledger: failing, spool: DiskSpool(device: device, durability: .full),
            lanes: try Lanes(count: 2, name: "test"), time: time,
            events: EventWriter(publicURL: nil, hasCore: true))
    }

    /// The same ledger, and what the disk kept.
    func restarted(with device: MemoryDevice? = nil) throws -> ServiceRig {
        try ServiceRig(folder: folder, device: device ?? self.device, time: time, ledger: ledger, ownsFolder: false) {
            _ in
        }
    }

    deinit {
        // A folder that stays in /tmp fails no test.
        if ownsFolder { try? Files.removeTree(folder) }
    }

    func create(
        _ bytes: [UInt8], name: String = "a.wav", key: IdempotencyKey? = nil, by user: Principal = ServiceRig.user,
        _ change: (inout NewUpload) -> Void = { _ in }
    )
        async throws -> UploadRow
    {
        var wish = NewUpload(filename: name, size: Int64(bytes.count))
        wish.chunkSize = 65_536
        change(&wish)
        return try await service.create(wish, idempotency: key, from: Origin(principal: user, requestID: .make()))
    }

    func put(_ index: Int64, of row: UploadRow, _ bytes: [UInt8]) async throws -> Receipt {
        let range = row.geometry?.range(of: index) ?? 0..<0
        return try await service.putChunk(
            index, of: try await now(row),
            from: Body(bytes: Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])), digest: nil)
    }

    /// What the ledger says of it by now.
    func now(_ row: UploadRow) async throws -> UploadRow {
        try await ledger.read("test") { tx in try tx.uploads.find(row.id) } ?? row
    }

    func track(_ row: UploadRow) async throws -> TrackRow? {
        try await ledger.read("test") { tx in try tx.tracks.find(row.trackID) }
    }

    func events() async throws -> [EventType] {
        try await ledger.read("test") { tx in try tx.outbox.after(0, tenant: .operatorsOwn, limit: 100).map(\.type) }
    }

    func jobs() async throws -> Int {
        try await ledger.read("test") { tx in try tx.queues.depth(.finish) }
    }

    func reserved() async throws -> Int64 {
        try await ledger.read("test") { tx in try tx.reservations.total(node: Self.node) }
    }
}

/// A clock that stands until it is moved.
final class TestTime: TimeSource {
    private let moment = Mutex(Timestamp(seconds: 1_790_000_000))
    var now: Timestamp { moment.withLock { $0 } }
    func advance(_ duration: Duration) { moment.withLock { $0 = $0 + duration } }
    func sleep(for duration: Duration) async throws { advance(duration) }
}

func named(_ text: String) -> UserID {
    guard let user = UserID(text) else { preconditionFailure("\(text) names nobody") }
    return user
}
