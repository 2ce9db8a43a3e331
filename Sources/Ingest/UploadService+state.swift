import Core
package import Ledger

/// How far an upload is, as /files says it.
package struct StreamState: Sendable, Equatable {
    package let row: UploadRow
    package let offset: Int64
    /// All bytes are there and count.
    package let isComplete: Bool
}

extension UploadService {
    /// `interrupting`: whoever writes it is ended first, so that the offset is the one the next request will find. Plain
    /// chunks come in parallel, and are let be.
    package func streamState(_ row: UploadRow, interrupting: Bool) async throws -> StreamState {
        try mustNotBeGone(row)
        guard row.state == .receiving else { return StreamState(row: row, offset: row.size ?? 0, isComplete: true) }
        let (offset, isSealed) = try await withReception(row) { reception in
            if interrupting, row.protocol != .chunks { await reception.interrupt() }
            return (reception.durable, reception.state == .sealed)
        }
        // It may have come to its end meanwhile.
        var row = try await reread(row)
        try mustNotBeGone(row)
        if row.state == .receiving, isSealed || Self.isWhole(row, at: offset) || row.isFinal {
            row = try await completeLate(row)
        }
        if row.state != .receiving { return StreamState(row: row, offset: row.size ?? offset, isComplete: true) }
        return StreamState(row: row, offset: offset, isComplete: isSealed)
    }

    /// With the last byte of tus the upload is complete; others say so.
    private static func isWhole(_ row: UploadRow, at offset: Int64) -> Bool {
        (row.protocol == .tus || row.protocol == .part) && offset == row.size
    }

    /// Its last byte is durable, and what should have followed did not: the ledger was away, say. A client that sees the
    /// offset at its end, or the seal, sends no more.
    private func completeLate(_ row: UploadRow) async throws -> UploadRow {
        do {
            return row.isFinal ? try await joinIfWhole(row) : try await completeStream(row)
        } catch is IngestFailure {
            let row = try await reread(row)
            try mustNotBeGone(row)
            return row
        }
    }

    /// At /files what ended, or is past its time, is gone.
    package func mustBeHere(_ row: UploadRow) throws(IngestFailure) {
        try mustNotBeGone(row)
        guard row.expiresAt > time.now else { throw IngestFailure(.expired, "The upload has expired.") }
    }

    /// The same for the answer to a request that came in time, however late the answer leaves.
    private func mustNotBeGone(_ row: UploadRow) throws(IngestFailure) {
        switch row.state {
        case .cancelled: throw IngestFailure(.cancelled, "The upload was cancelled.")
        case .failed:
            throw IngestFailure(.expired, "The upload failed: \(row.errorMessage ?? "it takes no more bytes").")
        case .expired: throw IngestFailure(.expired, "The upload has expired.")
        case .receiving, .verifying, .scanning, .processing, .stored, .ready, .quarantined: return
        }
    }
}
