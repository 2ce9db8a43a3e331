package import Access
package import Core
import Crypto
package import Events
import HTTPServer
package import Ledger
package import Platform
import Synchronization

/// Every upload of this node, whatever protocol speaks: creates, receives, completes, ends and recovers them. It owns
/// the spool; the ledger holds what is not bytes. Safe from any task.
package final class UploadService: Sendable {
    package let limits: UploadLimits
    let node: NodeID
    let ledger: any LedgerStore
    let spool: any Spool
    let lanes: Lanes
    let receptions: Receptions
    let knownRoom = Mutex<(at: ContinuousClock.Instant, bytes: Int64)?>(nil)
    let turns = UploadTurns()
    let time: any TimeSource
    let events: EventWriter
    let notice: @Sendable (UploadNotice) -> Void
    /// Finals of concatenations that are being joined now.
    let joining = Mutex<Set<UploadID>>([])
    /// Uploads that a request completes now, and how many do.
    let completing = Mutex<[UploadID: Int]>([:])
    /// Dropped, and the ledger could not be told that their space is free.
    let unreleased = Mutex<Set<UploadID>>([])

    package init(
        limits: UploadLimits, node: NodeID, ledger: any LedgerStore, spool: any Spool, lanes: Lanes,
        time: any TimeSource, events: EventWriter,
        notice: @escaping @Sendable (UploadNotice) -> Void = { _ in }
    ) {
        self.limits = limits
        self.node = node
        self.ledger = ledger
        self.spool = spool
        self.lanes = lanes
        self.time = time
        self.events = events
        self.notice = notice
        receptions = Receptions(spool: spool, lanes: lanes)
    }

    /// The upload as its owner, or a manager of its tenant, may see it; to all others there is none.
    package func find(_ id: UploadID, for visitor: UploadVisitor) async throws -> UploadRow {
        let row = try await ledger.read("upload.find") { tx in try tx.uploads.find(id) }
        guard let row, visitor.maySee(row) else { throw IngestFailure(.notFound, "There is no upload \(id).") }
        return row
    }

    /// The bytes of a body, in turns with those of others.
    func bytes(of body: Body, for tenant: TenantID) -> any ByteSource {
        TurnedSource(RequestBytes(body), turns, tenant)
    }

    func withReception<T: Sendable>(_ row: UploadRow, _ body: (Reception) async throws -> T) async throws -> T {
        try await receptions.with(row.id, length: row.size, promise: row.promise, body)
    }

    /// The durable bytes of an upload while they come, for those who read them behind.
    package func follow(_ id: UploadID) async throws -> (any ByteFrontier)? {
        guard let row = try await ledger.read("upload.find", { tx in try tx.uploads.find(id) }) else { return nil }
        let reception = receptions.take(row.id, length: row.size, promise: row.promise)
        let following = Following(reception, receptions)
        try await reception.open()
        return following
    }

    /// The whole bytes of a completed upload.
    package func sealed(_ id: UploadID) async throws -> SealedFile {
        let spool = spool
        let small = try await ledger.read("upload.small") { tx in try tx.smallFiles.find(id) }
        return try await lanes.lane(for: id).run { () throws(SpoolFailure) in
            if let small { try spool.keep(id, small) }
            return try spool.sealed(id)
        }
    }

    /// The bytes are somewhere else now, or wanted nowhere: what spool and ledger have of the upload goes.
    package func release(_ id: UploadID) async throws {
        let spool = spool
        try await lanes.lane(for: id).run { () throws(SpoolFailure) in try spool.remove(id) }
        let isSmall = try await ledger.read("upload.small") { tx in try tx.smallFiles.find(id) != nil }
        if isSmall { try await ledger.write("upload.release") { tx in try tx.smallFiles.remove(id) } }
    }
}

/// Who asks for an upload: a key or token of a user, or a token made for one upload alone.
package enum UploadVisitor: Sendable {
    case principal(Principal)
    case holder(upload: UploadID, tenant: TenantID, size: Int64?)

    func maySee(_ row: UploadRow) -> Bool {
        switch self {
        case .principal(let principal): principal.mayReach(tenant: row.tenant, owner: row.owner)
        case .holder(let upload, let tenant, let size):
            row.id == upload && row.tenant == tenant && (size == nil || row.size == nil || size == row.size)
        }
    }
}

extension UploadRow {
    /// What was promised at creation. A part of a concatenation promises nothing: its bytes may come from the middle of a
    /// file, and the final upload is judged.
    var promise: FormatPromise {
        `protocol` == .part ? .none : FormatPromise(filename: filename, contentType: contentType)
    }

    /// The SHA-256 that was declared at creation, where one was.
    var declared: [[UInt8]] { [declaredSHA256].compactMap(\.self).compactMap { Hex.decode($0) } }

    var geometry: ChunkGeometry? {
        guard let size, size > 0, let chunkSize, chunkSize > 0 else { return nil }
        return ChunkGeometry(size: size, chunkSize: chunkSize)
    }
}
