import Access
import Core
import Crypto
package import Ledger
import Platform
import Synchronization

/// tus, extension concatenation: pieces that are sealed, each an upload of its own, become one. Its client waits for no
/// byte of that; they are brought together and hashed by the job that looks at them first.
extension UploadService {
    /// A part of more finals than these is refused.
    private static let mostFinals = 16
    /// Of one user, at one time.
    private static let mostParts = 1_000

    /// Parts count against no hour and no bound on uploads, but not without end.
    static func admitPart(_ row: UploadRow, _ tx: Transaction) throws {
        guard try tx.uploads.openParts(tenant: row.tenant, owner: row.owner) < mostParts else {
            throw IngestFailure(
                .quota(retryAfter: .seconds(60)),
                "\(mostParts) partial uploads are there; delete those that are joined.")
        }
    }

    /// A final upload. Where parts are not whole yet, it is joined with the last byte of the last of them.
    package func concatenate(_ wish: NewStream, from origin: Origin) async throws -> UploadRow {
        var wish = wish
        var parts: [UploadRow] = []
        for id in wish.notes.parts {
            let part = try await find(id, for: .principal(origin.principal))
            guard part.protocol == .part else {
                throw IngestFailure(field: "Upload-Concat", value: id.text, expected: "partial uploads")
            }
            try mustBeHere(part)
            parts.append(part)
        }
        let sizes = parts.compactMap(\.size)
        wish.size = sizes.count == parts.count ? sizes.reduce(0, +) : nil
        try check(wish)
        let row = row(of: wish, from: origin)
        let room = try await room()
        let limits = limits
        let ids = Set(parts.map(\.id))
        let made = try await ledger.write("upload.concatenate") { tx in
            try Self.admit(row, isAdmin: origin.principal.permissions.contains(.admin), limits, tx)
            try Self.reserve(row, room: room, limits, tx)
            for part in ids { try Self.note(row.id, in: part, tx) }
            return try Self.insert(row, by: origin.principal, tx)
        }
        do { return try await joinIfWhole(made) } catch {
            // The client is told no address, and begins another: this one must not be joined beside it.
            try await abandon(made)
            throw error
        }
    }

    /// The part knows which finals wait for it.
    private static func note(_ final: UploadID, in part: UploadID, _ tx: Transaction) throws {
        guard let row = try tx.uploads.find(part), row.state == .receiving else {
            throw IngestFailure(.expired, "The part \(part) is over.")
        }
        var notes = StreamNotes(row)
        guard notes.finals.count < mostFinals else {
            throw IngestFailure(
                field: "Upload-Concat", value: part.text, expected: "parts of at most \(mostFinals) uploads")
        }
        notes.finals.append(final)
        try tx.uploads.setMetadata(part, notes.json.text)
    }

    /// The bytes of a part are sealed: whatever waited for it may be whole now. What is wrong with another upload is no
    /// failure of this one; it was told to that one's row.
    func joinWaiting(for part: UploadRow) async throws {
        for id in StreamNotes(try await reread(part)).finals {
            guard let final = try await ledger.read("upload.find", { tx in try tx.uploads.find(id) }) else { continue }
            do { _ = try await joinIfWhole(final) } catch is IngestFailure { continue }
        }
    }

    /// The final as it is, or joined where every part is sealed. Two who find the last part sealed join once.
    func joinIfWhole(_ final: UploadRow) async throws -> UploadRow {
        guard joining.withLock({ $0.insert(final.id).inserted }) else { return final }
        defer { joining.withLock { _ = $0.remove(final.id) } }
        let final = try await reread(final)
        guard final.state == .receiving, try await areSealed(StreamNotes(final).parts) else { return final }
        do {
            return try await join(final)
        } catch let failure as IngestFailure {
            try await settle(failure, of: final)
            throw failure
        }
    }

    private func areSealed(_ parts: [UploadID]) async throws -> Bool {
        for id in Set(parts) {
            guard let part = try await ledger.read("upload.find", { tx in try tx.uploads.find(id) }) else {
                return false
            }
            guard part.state == .receiving, try await withReception(part, { $0.state == .sealed }) else { return false }
        }
        return true
    }

    private func join(_ final: UploadRow) async throws -> UploadRow {
        let (spool, parts, limit) = (spool, StreamNotes(final).parts, limits.limit(of: final.promise))
        let length = try await lanes.lane(for: final.id).run { () throws(IngestFailure) in
            do {
                let length = try spool.join(parts, as: final.id)
                guard length <= limit else {
                    throw IngestFailure(.tooLong, "The parts have \(length) bytes; taken are up to \(limit).")
                }
                if var bytes = spool.joined(final.id) { try final.promise.judge(Self.head(&bytes)) }
                return length
            } catch let failure as SpoolFailure {
                throw IngestFailure(failure)
            } catch let failure as IngestFailure {
                throw failure
            } catch {
                throw IngestFailure(.unreadable, "The parts cannot be read now.")
            }
        }
        var row = final
        row.size = length
        return try await finish(row, sha256: nil)
    }

    private static func head(_ bytes: inout JoinedBytes) throws(SpoolFailure) -> [UInt8] {
        var head: [UInt8] = []
        while head.count < Sniff.length {
            let piece = try bytes.read(upTo: Sniff.length - head.count)
            if piece.isEmpty { break }
            head += piece
        }
        return head
    }

    /// Finals that a crash kept from being joined.
    func recoverFinals() async throws {
        var last: UploadID?
        while true {
            let (after, node) = (last, node)
            let rows = try await ledger.read("upload.recover") { tx in
                try tx.uploads.list(state: .receiving, node: node, after: after, limit: 500)
            }
            for row in rows where row.isFinal {
                // Its row says what is wrong with it.
                do { _ = try await joinIfWhole(row) } catch is IngestFailure { continue }
            }
            guard let next = rows.last?.id, rows.count == 500 else { return }
            last = next
        }
    }

    /// What was joined gets a file of its own, and its SHA-256: called by the job that needs them. Any other upload is what
    /// it is.
    package func gather(_ row: UploadRow) async throws -> UploadRow {
        guard row.sha256 == nil, let size = row.size, !StreamNotes(row).parts.isEmpty else { return row }
        let (spool, lane) = (spool, lanes.lane(for: row.id))
        let sha256 = try await withReception(row) { reception in
            if reception.state == .receiving, size > 0 {
                guard let bytes = spool.joined(row.id) else {
                    throw IngestFailure(.internal, "The parts of the upload are not here.")
                }
                let source = JoinedSource(bytes, lane)
                _ = try await reception.receive(0..<size, from: source, counting: .whole(nil), sealing: row.declared)
            }
            return try await reception.seal(declared: row.declared)
        }
        try await ledger.write("upload.gathered") { tx in
            try tx.uploads.setDigest(row.id, sha256: Hex.encode(sha256))
        }
        try await lane.run { () throws(SpoolFailure) in try spool.forgetParts(of: row.id) }
        return try await reread(row)
    }
}
