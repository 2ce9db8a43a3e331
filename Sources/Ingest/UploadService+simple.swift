package import Core
import Crypto
import Access
package import Ledger

extension UploadService {
    /// A whole file in one request. Nothing of it is in the ledger before all of it is durable, so that whatever breaks
    /// off leaves nothing but bytes that are removed at once, or at boot. `bound`: around the file there are no more bytes
    /// than these, where its own length is not known. `media`: it is no track's, but a file of the media API.
    package func takeWhole(
        filename: String, contentType: String?, length: Int64?, atMost bound: Int64? = nil,
        media: MediaUse? = nil, from source: any ByteSource, origin: Origin
    ) async throws -> UploadRow {
        let promise =
            if let media { try FormatPromise(filename: filename, mediaOf: media.kind) } else {
                try FormatPromise(filename: filename, contentType: contentType)
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
        try await precheck(row, size: length ?? bound ?? 0, isAdmin: origin.principal.permissions.contains(.admin))
        let reception = receptions.take(row.id, length: nil, promise: promise)
        defer { receptions.giveBack(row.id) }
        do {
            try await reception.open()
            row.size = try await reception.receive(upTo: limits.bytes(of: kind), from: source)
            let sha256 = Hex.encode(try await reception.seal(declared: []))
            return try await accept(
                row, as: media, sha256: sha256, isAdmin: origin.principal.permissions.contains(.admin))
        } catch {
            await reception.end(.cancelled)
            // What cannot be removed now has no row in the ledger, and is removed at boot; the first failure is the answer.
            try? await release(row.id)
            throw error
        }
    }

    /// Before a byte is read: would it be taken?
    private func precheck(_ row: UploadRow, size: Int64, isAdmin: Bool) async throws {
        let room = try await room()
        let limits = limits
        try await ledger.read("upload.precheck") { tx in
            try Self.admit(row, isAdmin: isAdmin, limits, tx)
            guard size <= room - (try tx.reservations.total(node: row.node)) else {
                throw IngestFailure(.full, FailureCode.insufficientStorage.sentence)
            }
        }
    }

    private func accept(_ row: UploadRow, as media: MediaUse?, sha256: String, isAdmin: Bool) async throws -> UploadRow
    {
        let limits = limits
        let accepted = try await ledger.write("upload.simple") { tx in
            try Self.admit(row, isAdmin: isAdmin, limits, tx)
            if let media {
                try Self.insert(row, as: media, sha256: sha256, tx)
            } else {
                try Self.finish(try Self.insert(row, tx), sha256: sha256, tx)
            }
            return try tx.uploads.find(row.id) ?? row
        }
        notice(.completed(accepted))
        return accepted
    }
}
