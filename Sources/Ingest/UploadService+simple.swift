package import Core
import Crypto
import Access
import Events
package import Ledger
import Synchronization

extension UploadService {
    /// A whole file in one request. Nothing of it is in the ledger before all of it is durable, so that whatever breaks
    /// off leaves nothing but bytes that are removed at once, or at boot. `bound`: around the file there are no more bytes
    /// than these, where its own length is not known. `media`: it is no track's, but a file of the media API.
    package func takeWhole(
        filename: String, contentType: String?, length: Int64?, atMost bound: Int64? = nil,
        media: MediaUse? = nil, from source: any ByteSource, origin: Origin
    ) async throws -> UploadRow {
        let promise: FormatPromise
        if let media {
            promise = try FormatPromise(filename: filename, mediaOf: media.kind)
        } else {
            try FormatPromise.mustNotBeForeign(filename: filename, contentType: contentType)
            promise = FormatPromise(filename: filename, contentType: contentType)
        }
        guard NewUpload.isFilename(filename) else {
            throw IngestFailure(
                field: "filename", value: filename, expected: "a name of 1 to 255 bytes without control characters")
        }
        let kind = media?.kind ?? .audio
        if let length { try limits.checkSize(length, of: kind) }
        var wish = NewUpload(filename: filename, size: length ?? 1)
        wish.contentType = contentType
        var row = row(of: wish, from: origin)
        row.chunkSize = nil
        if media != nil { row.protocol = .media }
        if let most = length ?? bound, most <= SmallFiles.largest {
            let bytes = try await small(from: source, upTo: limits.bytes(of: kind), promise)
            row.size = Int64(bytes.count)
            return try await accept(row, as: media, sha256: SHA256.hash(bytes), small: bytes, by: origin.principal)
        }
        // Where nobody says how long it is, the space is taken as it comes.
        let source = length ?? bound == nil ? GrowingSource(source, self, row, from: 0) : source
        try await reserve(row, size: min(length ?? bound ?? 0, limits.bytes(of: kind)), by: origin.principal)
        let reception = receptions.take(row.id, length: nil, promise: promise)
        defer { receptions.giveBack(row.id) }
        do {
            try await reception.open()
            row.size = try await reception.receive(upTo: limits.bytes(of: kind), from: source)
            return try await accept(
                row, as: media, sha256: try await reception.seal(declared: []), by: origin.principal)
        } catch {
            await drop(row.id, reception, because: error)
            throw error
        }
    }

    /// Bytes that came to nothing. Where the ledger did not say what became of their rows they stay: the next start finds
    /// rows or none, and does what is right by them.
    func drop(_ id: UploadID, _ reception: Reception, because error: any Error) async {
        do { try await unreserve([id]) } catch { unreleased.withLock { _ = $0.insert(id) } }
        if let failure = error as? LedgerFailure, failure.kind == .unavailable { return }
        await reception.end(.cancelled)
        // What cannot be removed now has no row in the ledger, and is removed at boot; the first failure is the answer.
        try? await release(id)
    }

    /// Before a byte is read: would it be taken? Then its space is its own until its rows are there, or it is dropped.
    func reserve(_ row: UploadRow, size: Int64, by principal: Principal) async throws {
        let room = try await room()
        let limits = limits
        var wish = row
        wish.size = size
        try await ledger.write("upload.reserve") { [wish] tx in
            try Self.admit(wish, isAdmin: principal.has(.admin), limits, tx)
            try Self.mustReachTrack(of: wish, by: principal, tx)
            try Self.reserve(wish, room: room, limits, tx)
        }
    }

    private func unreserve(_ ids: Set<UploadID>) async throws {
        try await ledger.write("upload.unreserve") { tx in
            for id in ids { try tx.reservations.release(id.text) }
        }
    }

    /// Space of what was dropped while the ledger was away.
    func releaseForgotten() async throws {
        let ids = unreleased.withLock { $0 }
        guard !ids.isEmpty else { return }
        try await unreserve(ids)
        unreleased.withLock { $0.subtract(ids) }
    }

    /// All bytes of a file that is held in memory until its rows, and itself beside them, are committed.
    func small(
        from source: any ByteSource, upTo limit: Int64, _ promise: FormatPromise
    ) async throws(IngestFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try await source.next(upTo: SmallFiles.largest)
            if piece.isEmpty { break }
            bytes += piece
            // Its length was told: more cannot come, and would be refused here.
            guard bytes.count <= min(limit, Int64(SmallFiles.largest)) else {
                throw IngestFailure(.tooLarge, "The file is larger than \(limit) bytes.")
            }
        }
        guard !bytes.isEmpty else { throw IngestFailure(field: "size", value: "0", expected: "at least one byte") }
        try promise.judge(Array(bytes.prefix(Sniff.length)))
        return bytes
    }

    /// `small`: the file's bytes, where no spool has them.
    func accept(
        _ row: UploadRow, as media: MediaUse?, sha256: [UInt8], small: [UInt8]? = nil, by principal: Principal
    ) async throws -> UploadRow {
        let limits = limits
        let room = small == nil ? Int64.max : try await roughRoom()
        let accepted = try await ledger.write("upload.simple") { [self] tx in
            let tenant = try Self.admit(row, isAdmin: principal.has(.admin), limits, tx)
            if small == nil {
                try tx.reservations.release(row.id.text)
            } else {
                try Self.fit(row, room, quota: tenant?.quotaBytes ?? limits.tenantQuota, tx)
            }
            var row = row
            row.state = .verifying
            row.sha256 = Hex.encode(sha256)
            if let media {
                row.createdAt = tx.now
                try Self.insert(row, as: media, tx)
            } else {
                row = try Self.insert(row, by: principal, tx)
                try hand(row, tx)
            }
            if let small { try tx.smallFiles.insert(row.id, small) }
            return row
        }
        notice(.completed(accepted))
        return accepted
    }

    /// What is small reserves nothing: its bytes are committed with this.
    private static func fit(_ row: UploadRow, _ room: Int64, quota: Int64?, _ tx: Transaction) throws {
        let size = row.size ?? 0
        let reserved = try tx.reservations.total(node: row.node, overhead: JournalSpace.reserved)
        guard size <= room - reserved else {
            throw IngestFailure(.full, FailureCode.insufficientStorage.sentence)
        }
        guard let quota else { return }
        let used = try tx.tenants.stored(row.tenant) + tx.reservations.total(tenant: row.tenant)
        guard size <= quota - used else { throw overQuota(quota, used: used) }
    }
}
