import Core
import Events
package import Ledger

extension UploadService {
    /// The client wants it no more. Twice is once; what is complete is the track's business.
    package func cancel(_ row: UploadRow) async throws {
        switch row.state {
        case .cancelled, .expired, .failed: return
        case .verifying, .scanning, .processing, .stored, .ready, .quarantined:
            throw IngestFailure(.failed(.trackProcessing), "The upload is complete; delete its track instead.")
        case .receiving:
            try await end(row, as: .cancelled, because: .cancelled, telling: .uploadCancelled)
        }
    }

    /// Ends what is past its time; how many. To be called now and then, by one at a time on each node: the bytes are its
    /// own.
    package func sweep(limit: Int = 100) async throws -> Int {
        let now = time.now
        let node = node
        let rows = try await ledger.read("upload.expired") { tx in
            try tx.uploads.expired(node: node, before: now, limit: limit)
        }
        for row in rows {
            if try await finishSealed(row) { continue }
            try await end(row, as: .expired, because: .expired, telling: .uploadExpired)
        }
        try await releaseForgotten()
        _ = try await ledger.write("upload.forget_keys") { tx in try tx.uploads.forgetIdempotent(limit: 1_000) }
        return rows.count
    }

    /// Its client may have been told that it is complete, while the ledger was away: what is sealed is finished, however
    /// late, and whatever waits for a part is joined before the part goes. False where it is to end.
    private func finishSealed(_ row: UploadRow) async throws -> Bool {
        do {
            if row.isFinal { return try await joinIfWhole(row).state != .receiving }
            guard try await withReception(row, { $0.state == .sealed }) else { return false }
            return try await completeStream(row).state != .receiving
        } catch is IngestFailure {
            return try await reread(row).state != .receiving
        }
    }

    /// What a failure of a request does to the whole upload: most do nothing.
    func settle(_ failure: IngestFailure, of row: UploadRow) async throws {
        switch failure.kind {
        case .unsupported:
            // Nobody was told of the track yet, and nothing of it stays.
            try await end(row, as: .failed, because: .unsupported, error: (.unsupportedFormat, failure.message))
        case .digestMismatch:
            try await end(
                row, as: .failed, because: .digestMismatch, error: (.digestMismatch, failure.message),
                telling: .trackFailed)
        case .broken:
            try await end(
                row, as: .failed, because: .broken, error: (.internal, failure.message), telling: .trackFailed)
        case .tooLong:
            try await end(
                row, as: .failed, because: .tooLong, error: (.fileTooLarge, failure.message), telling: .trackFailed)
        case .invalid, .notFound, .checksumMismatch, .conflict, .incomplete, .protocolMismatch, .offsetMismatch,
            .inconsistentLength, .completed, .cancelled, .expired,
            .tooLarge,
            .idempotencyMismatch, .quota, .full, .overloaded, .bodyEnded, .unreadable, .failed, .internal:
            return
        }
    }

    /// The ledger first: whatever crashes after it, `recover` clears the bytes away. Then whoever still writes, then the
    /// bytes.
    func end(
        _ row: UploadRow, as state: UploadState, because reason: UploadMachine.Reason,
        error: (code: FailureCode, message: String)? = nil, telling type: EventType? = nil
    ) async throws {
        try await ledger.write("upload.end") { [events] tx in
            guard try tx.uploads.setState(row.id, from: [.receiving], to: state, error: error) else { return }
            try tx.reservations.release(row.id.text)
            if row.protocol == .part { return }
            if type == .trackFailed, let error {
                guard try tx.tracks.find(row.trackID)?.uploadID == row.id else { return }
                guard try tx.tracks.fail(row.trackID, code: error.code, message: error.message) else { return }
            } else {
                try Self.dropTrack(of: row, tx)
            }
            if let type { try events.tell(type, of: row, in: tx) }
        }
        notice(.ended(row, as: state, reason))
        // Held until its files are gone: nobody finds them as if it went on.
        let reception = receptions.take(row.id, length: row.size, promise: row.promise)
        defer { receptions.giveBack(row.id) }
        await reception.end(reason)
        try await release(row.id)
    }

    /// A track that was made with this upload has no other, and goes with it. One that was there before stays what it is.
    private static func dropTrack(of row: UploadRow, _ tx: Transaction) throws {
        guard let track = try tx.tracks.find(row.trackID), track.uploadID == row.id, track.createdAt == row.createdAt,
            track.generation == nil
        else { return }
        _ = try tx.tracks.delete(track.id)
    }
}
