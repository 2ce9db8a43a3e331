import Access
import Core
import Crypto
package import HTTPServer
package import Ledger

extension UploadService {
    /// A body that is the whole of a small file needs no row before it is durable: then one write to the ledger is enough.
    /// A longer one is worth going on with, by whoever can find out where it is.
    package static let mostAtOnce: Int64 = 8 << 20

    package static func isWhole(_ wish: NewStream, _ body: Body) -> Bool {
        guard wish.protocol != .part, let size = wish.size, size == body.length else { return false }
        return (1...mostAtOnce).contains(size)
    }

    /// A creation by tus or IETF with all its bytes. Whatever breaks off leaves nothing: its client was not told where it is.
    package func createWhole(_ wish: NewStream, _ append: Append, from body: Body, origin: Origin) async throws
        -> UploadRow
    {
        try check(wish)
        let row = row(of: wish, from: origin)
        do { return try await createWhole(row, append, from: body, origin) } catch let failure as IngestFailure
            where failure.kind == .digestMismatch
        {
            try await recordFailure(of: row, (.digestMismatch, failure.message), by: origin.principal)
            throw failure
        }
    }

    /// Nothing of it was in the ledger yet, and the core API must know that the file it waits for does not come.
    private func recordFailure(of row: UploadRow, _ error: Blame, by principal: Principal) async throws {
        try await ledger.write("upload.refused") { [self] tx in
            let row = try Self.insert(row, by: principal, tx)
            _ = try end(row, as: .failed, error: error, telling: .trackFailed, tx)
        }
    }

    private func createWhole(_ row: UploadRow, _ append: Append, from body: Body, _ origin: Origin) async throws
        -> UploadRow
    {
        let size = row.size ?? 0
        if size <= SmallFiles.largest {
            let bytes = try await small(append, of: row, from: body)
            return try await accept(row, as: nil, sha256: SHA256.hash(bytes), small: bytes, by: origin.principal)
        }
        try await reserve(row, size: size, by: origin.principal)
        let reception = receptions.take(row.id, length: size, promise: row.promise)
        defer { receptions.giveBack(row.id) }
        do {
            try await reception.open()
            let stream = Stream(
                offset: 0, limit: size, length: size, check: append.check, isLast: append.isLast, sealing: row.declared,
                progress: nil)
            let offset = try await reception.append(stream, from: bytes(of: body, for: row.tenant))
            guard offset == size else {
                throw IngestFailure(.incomplete(missing: []), "\(offset) of \(size) bytes came.")
            }
            let sha256 = try await reception.seal(declared: row.declared)
            return try await accept(row, as: nil, sha256: sha256, by: origin.principal)
        } catch {
            await drop(row.id, reception, because: error)
            throw error
        }
    }

    /// Checked before they are looked at: what the network spoiled says nothing of the file.
    private func small(_ append: Append, of row: UploadRow, from body: Body) async throws(IngestFailure) -> [UInt8] {
        let bytes = try await small(from: self.bytes(of: body, for: row.tenant), upTo: row.size ?? 0, .none)
        guard Int64(bytes.count) == row.size else {
            throw IngestFailure(.incomplete(missing: []), "\(bytes.count) of \(row.size ?? 0) bytes came.")
        }
        if var check = append.check {
            check.update(bytes)
            try check.finish()
        }
        try row.promise.judge(Array(bytes.prefix(Sniff.length)))
        try Reception.mustEqual(SHA256.hash(bytes), row.declared)
        return bytes
    }
}
