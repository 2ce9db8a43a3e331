import Access
import Core
import Crypto
package import HTTPServer
package import Ledger

/// One request that appends, as either protocol says it.
package struct Append: Sendable {
    package let offset: Int64
    /// What this request says of the whole's length.
    package var length: Int64?
    package var check: BodyCheck?
    /// The client's word that nothing follows.
    package var isLast = false
    package var progress: (@Sendable (Int64) async -> Void)?

    package init(at offset: Int64) { self.offset = offset }
}

extension UploadService {
    /// A creation by tus or IETF: the row, its track and its space, or none of them.
    package func create(_ wish: NewStream, from origin: Origin) async throws -> UploadRow {
        try check(wish)
        let row = row(of: wish, from: origin)
        let room = try await room()
        let limits = limits
        return try await ledger.write("upload.create") { tx in
            try Self.admit(
                row, isAdmin: origin.principal.permissions.contains(.admin) || row.protocol == .part, limits, tx)
            if row.protocol == .part { try Self.admitPart(row, tx) }
            try Self.reserve(row, room: room, limits, tx)
            return try Self.insert(row, by: origin.principal, tx)
        }
    }

    /// A declared format lowers the limit of the size.
    func check(_ wish: NewStream) throws(IngestFailure) {
        let promise: FormatPromise =
            wish.protocol == .part ? .none : FormatPromise(filename: wish.filename, contentType: wish.contentType)
        let limit = limits.limit(of: promise)
        if let size = wish.size, size > limit {
            throw IngestFailure(.tooLarge, "The file is \(size) bytes; the limit is \(limit).")
        }
    }

    func row(of wish: NewStream, from origin: Origin) -> UploadRow {
        let now = time.now
        return UploadRow(
            id: .make(), trackID: wish.trackID ?? .make(), tenant: origin.principal.tenant,
            owner: origin.principal.user, protocol: wish.protocol, filename: wish.filename, size: wish.size,
            contentType: wish.contentType, declaredSHA256: wish.sha256, metadata: wish.notes.json.text,
            requestID: origin.requestID, node: node, expiresAt: now + limits.lifetime, createdAt: now)
    }

    /// Appends the body. Complete afterwards where the protocol says so: tus with the last byte, IETF by its word.
    package func append(_ wish: Append, to row: UploadRow, from body: Body) async throws -> UploadRow {
        guard row.state == .receiving else { return try await appendNothing(wish, to: row, from: body) }
        var row = row
        do {
            let offset = try await withReception(row) { reception in
                try await append(wish, to: &row, reception, from: body)
            }
            guard row.protocol == .ietf ? wish.isLast : offset == row.size else { return row }
            return try await completeStream(row)
        } catch let failure as IngestFailure {
            if failure.kind == .completed {
                let same = try await appendNothing(wish, to: try await reread(row), from: body)
                // Sealed by a request that did not come to tell the ledger.
                return same.state == .receiving ? try await completeStream(same) : same
            }
            // Cut off behind its last byte: whoever asks finds it whole, and sends nothing that would complete it.
            if row.protocol != .ietf, failure.kind == .bodyEnded, try await isWhole(row) {
                return try await completeStream(row)
            }
            try await settle(failure, of: row)
            throw failure
        }
    }

    private func append(_ wish: Append, to row: inout UploadRow, _ reception: Reception, from body: Body) async throws
        -> Int64
    {
        try await mustBeWanted(row, reception)
        // The writer first: what it finds and says of the length is then nobody else's to change.
        let turned = bytes(of: body, for: row.tenant)
        let writer = try await reception.takeOver(wish.offset, turned)
        defer { reception.leave(writer) }
        try await knowLength(of: &row, reception, writer)
        try await settleLength(wish, of: &row, reception, writer, body.length)
        let limit = row.size ?? limits.limit(of: row.promise)
        if let length = body.length, length > limit - wish.offset {
            throw IngestFailure(.tooLong, "\(wish.offset + length) bytes would come, the upload may have \(limit).")
        }
        let source = row.size == nil ? GrowingSource(turned, self, row, from: wish.offset) : turned
        let stream = Stream(
            offset: wish.offset, limit: limit, length: row.size, check: wish.check, isLast: wish.isLast,
            sealing: row.protocol == .ietf && !wish.isLast ? nil : row.declared, progress: wish.progress)
        let offset = try await reception.append(stream, from: source, as: writer)
        if wish.isLast, row.size == nil { try await setLength(offset, of: &row, reception, by: writer) }
        guard !wish.isLast || offset == row.size else {
            throw IngestFailure(.incomplete(missing: []), "\(offset) of \(row.size ?? 0) bytes came.")
        }
        return offset
    }

    /// A request before this one may have said it since the row was read.
    private func knowLength(of row: inout UploadRow, _ reception: Reception, _ writer: UploadMachine.Writer)
        async throws
    {
        if row.size == nil { row.size = try await reread(row).size }
        guard let known = row.size ?? reception.length else { return }
        guard reception.setLength(known, by: writer) else {
            try reception.refuseUnlessCurrent(writer)
            throw IngestFailure(.tooLong)
        }
        // That request's ledger failed it.
        if row.size == nil { try await setLength(known, of: &row, reception, by: writer) }
        guard reception.durable <= known else { throw IngestFailure(.tooLong) }
    }

    /// What the request says of the length, by field or by being the last, must be what was known.
    private func settleLength(
        _ wish: Append, of row: inout UploadRow, _ reception: Reception, _ writer: UploadMachine.Writer, _ body: Int64?
    ) async throws {
        let implied = wish.isLast ? body.map { wish.offset + $0 } : nil
        guard let stated = wish.length ?? implied else { return }
        if let implied, implied != stated {
            throw IngestFailure(.inconsistentLength, "Upload-Length is \(stated), the body ends at \(implied).")
        }
        if let known = row.size {
            if stated == known { return }
            if wish.length == nil, stated > known {
                throw IngestFailure(.tooLong, "\(stated) bytes would come, the upload may have \(known).")
            }
            throw IngestFailure(.inconsistentLength, "The upload has \(known) bytes, the request says \(stated).")
        }
        guard stated >= wish.offset else {
            throw IngestFailure(.inconsistentLength, "\(wish.offset) bytes are here, the request says \(stated).")
        }
        let limit = limits.limit(of: row.promise)
        guard stated <= limit else {
            throw IngestFailure(
                wish.length == nil ? .tooLong : .tooLarge, "The file has \(stated) bytes; taken are up to \(limit).")
        }
        try await setLength(stated, of: &row, reception, by: writer)
    }

    /// The bytes first, then the ledger: what the ledger says must hold for them.
    func setLength(
        _ length: Int64, of row: inout UploadRow, _ reception: Reception, by writer: UploadMachine.Writer? = nil
    ) async throws {
        guard reception.setLength(length, by: writer) else {
            if let writer { try reception.refuseUnlessCurrent(writer) }
            throw IngestFailure(.inconsistentLength, "More than \(length) bytes are here already, or come now.")
        }
        try await grow(row, to: length, isFinal: true)
        row.size = length
    }

    /// A deferred length reserves its space as it grows.
    func grow(_ row: UploadRow, to bytes: Int64, isFinal: Bool) async throws {
        let room = try await room()
        let limits = limits
        var grown = row
        grown.size = bytes
        let wish = grown
        try await ledger.write("upload.grow") { [self] tx in
            // Over meanwhile: its space was given back. A whole file in one request has no row yet.
            if let now = try tx.uploads.find(wish.id) { try mustReceive(now) }
            try Self.reserve(wish, room: room, limits, tx)
            if isFinal { try tx.uploads.setSize(wish.id, bytes) }
        }
    }

    func isWhole(_ row: UploadRow) async throws -> Bool {
        try await withReception(row) { $0.durable == row.size }
    }

    /// A piece of a concatenation is only sealed: nobody hears it alone.
    func completeStream(_ row: UploadRow) async throws -> UploadRow {
        guard row.protocol == .part else { return try await complete(row, declared: nil) }
        _ = try await withReception(row) { try await $0.seal(declared: []) }
        try await joinWaiting(for: row)
        return row
    }

    /// What is complete takes no byte more; a request that brings none is a repeated one, whose answer was lost.
    private func appendNothing(_ wish: Append, to row: UploadRow, from body: Body) async throws -> UploadRow {
        try mustNotHaveEnded(row)
        let size = row.size ?? 0
        guard wish.offset == size else {
            var failure = IngestFailure(
                .offsetMismatch(expected: size, given: wish.offset),
                "The upload's offset is \(size), the request says \(wish.offset).")
            failure.isOfComplete = true
            throw failure
        }
        guard body.length ?? 0 == 0, try await RequestBytes(body).next(upTo: 1).isEmpty else {
            throw IngestFailure(.completed, "The upload is complete, and takes no more bytes.")
        }
        return row
    }

    func reread(_ row: UploadRow) async throws -> UploadRow {
        try await ledger.read("upload.find") { tx in try tx.uploads.find(row.id) } ?? row
    }
}

/// Reserves disk ahead of bytes whose number nobody has said.
actor GrowingSource: ByteSource {
    private static let step: Int64 = 64 << 20
    private let source: any ByteSource
    private let service: UploadService
    private let row: UploadRow
    private var next: Int64
    private var reserved: Int64

    init(_ source: any ByteSource, _ service: UploadService, _ row: UploadRow, from offset: Int64) {
        self.source = source
        self.service = service
        self.row = row
        next = offset
        reserved = offset
    }

    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        let piece = try await source.next(upTo: count)
        next += Int64(piece.count)
        if next > reserved {
            let wish = next + Self.step
            do { try await service.grow(row, to: wish, isFinal: false) } catch let failure as IngestFailure {
                throw failure
            } catch {
                throw IngestFailure(.internal, "The disk's space could not be reserved.")
            }
            reserved = wish
        }
        return piece
    }

    nonisolated func cancel() { source.cancel() }
    nonisolated func rest() { source.rest() }
}
