package import Access
package import Core
import Crypto
import Platform
import Synchronization
package import Ledger

/// Where a creation comes from.
package struct Origin: Sendable {
    package let principal: Principal
    package let requestID: RequestID
    package init(principal: Principal, requestID: RequestID) {
        self.principal = principal
        self.requestID = requestID
    }
}

/// A creation that may be repeated without making a second upload.
package struct IdempotencyKey: Sendable {
    package let key: String
    package let bodyDigest: String

    package init(_ key: String, body: [UInt8]) throws(IngestFailure) {
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw IngestFailure(field: "Idempotency-Key", value: key, expected: "1 to 255 printable ASCII characters")
        }
        self.key = key
        bodyDigest = Hex.encode(SHA256.hash(body))
    }
}

extension UploadService {
    package func create(_ wish: NewUpload, idempotency: IdempotencyKey?, from origin: Origin) async throws -> UploadRow
    {
        try limits.checkSize(wish.size)
        try FormatPromise.mustNotBeForeign(filename: wish.filename, contentType: wish.contentType)
        let row = row(of: wish, from: origin)
        let room = try await room()
        let limits = limits
        return try await ledger.write("upload.create") { tx in
            if let idempotency,
                let known = try tx.uploads.findIdempotent(tenant: row.tenant, owner: row.owner, key: idempotency.key)
            {
                guard known.bodyDigest == idempotency.bodyDigest else {
                    throw IngestFailure(.idempotencyMismatch, "The Idempotency-Key was used for another creation.")
                }
                return known.upload
            }
            try Self.admit(row, isAdmin: origin.principal.permissions.contains(.admin), limits, tx)
            try Self.reserve(row, room: room, limits, tx)
            let row = try Self.insert(row, by: origin.principal, tx)
            if let idempotency {
                try tx.uploads.rememberIdempotent(
                    tenant: row.tenant, owner: row.owner, key: idempotency.key, bodyDigest: idempotency.bodyDigest,
                    upload: row.id)
            }
            return row
        }
    }

    func row(of wish: NewUpload, from origin: Origin) -> UploadRow {
        let now = time.now
        return UploadRow(
            id: .make(), trackID: wish.trackID ?? .make(), tenant: origin.principal.tenant,
            owner: origin.principal.user,
            protocol: .chunks, filename: wish.filename, size: wish.size, contentType: wish.contentType,
            declaredSHA256: wish.sha256, chunkSize: ChunkGeometry(size: wish.size, wish: wish.chunkSize).chunkSize,
            metadata: wish.metadata.text, requestID: origin.requestID, node: node, expiresAt: now + limits.lifetime,
            createdAt: now)
    }

    /// What new uploads may still take of this disk: a share stays free, and what is reserved but already written is not
    /// counted twice. Without a bound where the size of the disk is unknown.
    func room() async throws -> Int64 {
        let spool = spool
        let space = try await lanes.lane(for: "space").run { () throws(SpoolFailure) in try spool.space() }
        guard let space else { return .max }
        return space.room(sparing: limits.leastFree).clampedSum(receptions.bytesReceived)
    }

    /// As `room`, told anew ten times a second at most: for files so small that no disk is filled by what comes between.
    func roughRoom() async throws -> Int64 {
        let now = ContinuousClock.now
        if let known = knownRoom.withLock({ $0 }), now - known.at < .milliseconds(100) { return known.bytes }
        let bytes = try await room()
        knownRoom.withLock { $0 = (now, bytes) }
        return bytes
    }

    /// Room in the queue, and the tenant not suspended; then the hour's quota and the bound on unfinished uploads, neither
    /// of which holds for administrators. A tenant's own limits go before the settings': they are returned.
    @discardableResult
    static func admit(_ row: UploadRow, isAdmin: Bool, _ limits: UploadLimits, _ tx: Transaction) throws -> TenantRow? {
        do {
            try tx.queues.admit(.finish, below: limits.queueDepth)
        } catch let failure as LedgerFailure {
            guard case .queueFull(_, let depth, let limit, let wait) = failure.kind else { throw failure }
            throw IngestFailure(
                .overloaded(depth: depth, limit: limit, retryAfter: wait), FailureCode.queueOverloaded.sentence)
        }
        let own = try tx.tenants.find(row.tenant)
        if own?.isSuspended == true {
            throw IngestFailure(.failed(.forbidden), "The tenant \(row.tenant) is suspended; it begins no uploads.")
        }
        if isAdmin { return own }
        let perHour = own?.uploadsPerHour ?? limits.uploadsPerHour
        if perHour > 0 {
            let created = try tx.uploads.createdInLastHour(tenant: row.tenant, owner: row.owner)
            guard created < perHour else {
                let free = try tx.uploads.hourFreesAt(tenant: row.tenant, owner: row.owner, most: perHour)
                throw IngestFailure(
                    .quota(retryAfter: max(.seconds(1), free - tx.now)),
                    "\(created) uploads were begun in the last hour; allowed are \(perHour).")
            }
        }
        guard limits.openUploads > 0 else { return own }
        let open = try tx.uploads.open(tenant: row.tenant, owner: row.owner)
        guard open < limits.openUploads else {
            throw IngestFailure(
                .quota(retryAfter: .seconds(60)), "\(open) uploads are unfinished; complete or delete one first.")
        }
        return own
    }

    static func reserve(_ row: UploadRow, room: Int64, _ limits: UploadLimits, _ tx: Transaction) throws {
        let wish = ReservationRow(
            owner: row.id.text, node: row.node, tenant: row.tenant,
            bytes: (row.size ?? 0) + JournalSpace.extra(chunks: row.geometry?.count ?? 1))
        // What is stored counts, and what is under way.
        let quota = try tx.tenants.find(row.tenant)?.quotaBytes ?? limits.tenantQuota
        let stored = try quota == nil ? 0 : tx.tenants.stored(row.tenant)
        switch try tx.reservations.reserve(
            wish, available: room, overhead: JournalSpace.reserved, quota: quota.map { $0 - stored })
        {
        case .reserved: return
        case .noSpace: throw IngestFailure(.full, FailureCode.insufficientStorage.sentence)
        case .overQuota(let used):
            throw overQuota(quota ?? 0, used: stored + used)
        }
    }

    static func overQuota(_ quota: Int64, used: Int64) -> IngestFailure {
        IngestFailure(.full, "The tenant's quota is \(quota) bytes, \(used) of them are used.")
    }

    /// The upload and its track, made by the clock of the transaction so that both bear one time.
    static func insert(_ row: UploadRow, by principal: Principal, _ tx: Transaction) throws -> UploadRow {
        var row = row
        row.createdAt = tx.now
        // A piece of a concatenation is nobody's track.
        if row.protocol != .part {
            try attachTrack(row, by: principal, at: row.state == .verifying ? .verifying : .uploading, tx)
        }
        try tx.uploads.insert(row)
        return row
    }

    private static func attachTrack(
        _ row: UploadRow, by principal: Principal, at stage: TrackStage, _ tx: Transaction
    ) throws {
        let new = TrackRow(
            id: row.trackID, tenant: row.tenant, owner: row.owner, uploadID: row.id, stage: stage,
            title: title(of: row.filename), contentType: row.contentType, createdAt: row.createdAt)
        if try tx.tracks.insertUnlessThere(new) { return }
        try mustReachTrack(of: row, by: principal, tx)
        guard try tx.tracks.setUpload(row.trackID, row.id) else { throw noTrack(row.trackID) }
        if stage != .uploading { _ = try tx.tracks.setStage(row.trackID, stage, progress: 0) }
    }

    /// A new upload replaces what its track is made from, so an existing track needs the same owner or `ManageTracks`. A
    /// track of others is not found, and neither is a deleted one: its id is never used again.
    static func mustReachTrack(of row: UploadRow, by principal: Principal, _ tx: Transaction) throws {
        guard let track = try tx.tracks.find(row.trackID) else { return }
        guard principal.mayReach(tenant: track.tenant, owner: track.owner), track.state != .deleted else {
            throw noTrack(row.trackID)
        }
    }

    private static func noTrack(_ id: TrackID) -> IngestFailure { IngestFailure(.notFound, "Track \(id) not found.") }

    private static func title(of filename: String) -> String {
        guard let dot = filename.lastIndex(of: "."), dot > filename.startIndex else { return filename }
        return String(filename[..<dot])
    }
}
