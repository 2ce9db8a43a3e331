import Core
package import HTTPServer
package import Ledger

extension UploadService {
    /// One numbered chunk: whole or not at all.
    package func putChunk(_ index: Int64, of row: UploadRow, from body: Body, digest: ContentDigest?) async throws
        -> Receipt
    {
        try mustBeWrittenBy(.chunks, row)
        guard let geometry = row.geometry, let range = geometry.range(of: index) else {
            throw IngestFailure(
                field: "The chunk's index", value: String(index), expected: "0 to \((row.geometry?.count ?? 1) - 1)")
        }
        if let length = body.length, length != range.count {
            throw IngestFailure(
                field: "The length of chunk \(index)", value: String(length), expected: "\(range.count) bytes")
        }
        return try await receive(range, of: row, from: bytes(of: body, for: row.tenant), counting: .whole(digest))
    }

    /// A part of a Content-Range upload, or the question how far it has come. What is true afterwards; complete with its
    /// last byte.
    package func putRange(_ range: ContentRange, of row: UploadRow, from body: Body, digest: ContentDigest?)
        async throws -> RangeAnswer
    {
        try mustBeWrittenBy(.chunks, row)
        try mustBeInTime(row)
        let total: Int64?
        switch range {
        case .part(_, let stated), .question(let stated): total = stated
        }
        if let total, total != row.size {
            throw IngestFailure(field: "The total in Content-Range", value: String(total), expected: "\(row.size ?? 0)")
        }
        if case .part(let bytes, _) = range {
            if let length = body.length, length != bytes.count {
                throw IngestFailure(
                    field: "The length of the body", value: String(length), expected: "\(bytes.count) bytes")
            }
            guard bytes.upperBound <= row.size ?? 0 else {
                throw IngestFailure(
                    field: "The last byte in Content-Range", value: String(bytes.upperBound - 1),
                    expected: "below \(row.size ?? 0)")
            }
            // A gap is answered with what is there, so that the client goes on from there.
            let offset = row.state == .receiving ? try await withReception(row) { $0.durable } : bytes.lowerBound
            guard bytes.lowerBound <= offset else { return .further(offset: offset) }
            let counting: Counting = digest == nil ? .asTheyCome : .whole(digest)
            _ = try await receive(
                bytes, of: row, from: self.bytes(of: body, for: row.tenant), counting: counting, completesAlone: true)
        }
        return try await rangeAnswer(row)
    }

    private func rangeAnswer(_ row: UploadRow) async throws -> RangeAnswer {
        guard row.state == .receiving else { return .complete(row) }
        let (offset, completesAlone) = try await withReception(row) { ($0.durable, $0.completesAlone) }
        guard offset == row.size, completesAlone else { return .further(offset: offset) }
        return .complete(try await complete(row, declared: nil))
    }

    private func receive(
        _ range: Range<Int64>, of row: UploadRow, from source: any ByteSource, counting: Counting,
        completesAlone: Bool = false
    ) async throws -> Receipt {
        try mustBeInTime(row)
        guard row.state == .receiving else { return try await compareOnly(range, of: row, from: source) }
        do {
            return try await withReception(row) { reception in
                try await mustBeWanted(row, reception)
                return try await reception.receive(
                    range, from: source, counting: counting, completesAlone: completesAlone,
                    sealing: completesAlone ? row.declared : nil)
            }
        } catch let failure as IngestFailure {
            try await settle(failure, of: row)
            throw failure
        }
    }

    /// After its completion the same bytes are a repeated request, others a conflict; and where the bytes have moved on,
    /// nothing can be said but that it is complete.
    private func compareOnly(_ range: Range<Int64>, of row: UploadRow, from source: any ByteSource) async throws
        -> Receipt
    {
        try mustNotHaveEnded(row)
        return try await withReception(row) { reception in
            guard reception.received.contains(range) else {
                throw IngestFailure(.conflict, "The upload is complete, and takes no more bytes.")
            }
            return try await reception.receive(range, from: source, counting: .whole(nil))
        }
    }

    /// Before the first byte makes its files: the upload may have ended since the row was read, files and all. From here on
    /// its end finds this reception.
    func mustBeWanted(_ row: UploadRow, _ reception: Reception) async throws {
        guard !reception.hasFiles else { return }
        guard let row = try await ledger.read("upload.find", { tx in try tx.uploads.find(row.id) }) else {
            throw IngestFailure(.notFound, "There is no upload \(row.id).")
        }
        try mustReceive(row)
    }

    func mustReceive(_ row: UploadRow) throws(IngestFailure) {
        try mustNotHaveEnded(row)
        guard row.state == .receiving else {
            throw IngestFailure(.completed, "The upload is complete, and takes no more bytes.")
        }
    }

    /// What is past its time takes nothing more, whether it was swept yet or not.
    func mustBeInTime(_ row: UploadRow) throws(IngestFailure) {
        guard row.state != .receiving || row.expiresAt > time.now else {
            throw IngestFailure(.expired, "The upload has expired.")
        }
    }

    func mustBeWrittenBy(_ speaker: UploadProtocol, _ row: UploadRow) throws(IngestFailure) {
        guard row.protocol == speaker else {
            throw IngestFailure(
                .protocolMismatch,
                "The upload was begun with \(row.protocol.rawValue), and is written by no other than that.")
        }
    }

    func mustNotHaveEnded(_ row: UploadRow) throws(IngestFailure) {
        switch row.state {
        case .cancelled: throw IngestFailure(.cancelled, "The upload was cancelled.")
        case .expired: throw IngestFailure(.expired, "The upload has expired.")
        case .failed:
            throw IngestFailure(.failed(row.errorCode ?? .internal), row.errorMessage ?? FailureCode.internal.sentence)
        case .receiving, .verifying, .scanning, .processing, .stored, .ready, .quarantined: return
        }
    }
}

package enum RangeAnswer: Sendable {
    /// 308, with the bytes that are there.
    case further(offset: Int64)
    case complete(UploadRow)
}
