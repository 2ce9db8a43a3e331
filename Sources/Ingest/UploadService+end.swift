import Core
import Events
package import Ledger

/// How uploads end before their last byte. The ledger decides: its conditional update lets one caller win, and who loses
/// changes nothing, no byte, no reception, no event, and reports what became true.
extension UploadService {
    typealias Blame = (code: FailureCode, message: String)

    /// The client deletes the upload. Returns false if the upload had ended before, which is no error.
    @discardableResult
    package func cancel(_ row: UploadRow) async throws -> Bool {
        guard !row.state.hasEnded else { return false }
        guard row.state == .receiving else { return try await cancelComplete(row) }
        if try await abandon(row) { return true }
        guard try await reread(row).state.hasEnded else {
            throw IngestFailure(
                .failed(.trackProcessing), "The upload was completed at the same time. Send DELETE again to remove it.")
        }
        return false
    }

    /// Ends the upload if it is unfinished.
    @discardableResult
    func abandon(_ row: UploadRow) async throws -> Bool {
        try await end(row, as: .cancelled, because: .cancelled, telling: .uploadCancelled)
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
            if try await finishLate(row) { continue }
            try await end(row, as: .expired, because: .expired, telling: .uploadExpired)
        }
        try await releaseForgotten()
        _ = try await ledger.write("upload.forget_keys") { tx in try tx.uploads.forgetIdempotent(limit: 1_000) }
        return rows.count
    }

    /// Every byte was durable in time, and the ledger does not know yet: the upload is finished, however late, and whatever
    /// waits for a part is joined before the part goes. Returns false if the upload is to end.
    private func finishLate(_ row: UploadRow) async throws -> Bool {
        // The request that completes it is at work.
        if isCompleting(row.id) { return true }
        do {
            if row.isFinal { return try await joinIfWhole(row).state != .receiving }
            let isWhole = try await withReception(row) { $0.state == .sealed || Self.isWhole(row, in: $0) }
            guard isWhole else { return false }
            return try await completeStream(row).state != .receiving
        } catch is IngestFailure {
            return try await reread(row).state != .receiving
        }
    }

    /// What a failure of a request does to the whole upload: most do nothing.
    func settle(_ failure: IngestFailure, of row: UploadRow) async throws {
        // What is complete stays so, whatever a later request declares.
        if failure.isOfComplete { return }
        switch failure.kind {
        case .unsupported:
            // The core API does not know the track yet, and nothing of it stays.
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

    /// Returns false if somebody else was first. The ledger comes first: whatever crashes after it, `recover` clears the
    /// bytes away.
    @discardableResult
    func end(
        _ row: UploadRow, as state: UploadState, because reason: UploadMachine.Reason,
        error: Blame? = nil, telling type: EventType? = nil
    ) async throws -> Bool {
        let ended = try await ledger.write("upload.end") { [self] tx -> [UploadRow] in
            guard try end(row, as: state, error: error, telling: type, tx) else { return [] }
            return try [row] + endFinals(of: row, as: state, error: error, telling: type, tx)
        }
        for row in ended { try await clear(row, as: state, because: reason) }
        return !ended.isEmpty
    }

    func end(
        _ row: UploadRow, as state: UploadState, error: Blame?, telling type: EventType?, _ tx: Transaction
    ) throws -> Bool {
        guard try tx.uploads.setState(row.id, from: [.receiving], to: state, error: error) else { return false }
        try tx.reservations.release(row.id.text)
        if row.protocol == .part { return true }
        if type == .trackFailed, let error {
            guard try tx.tracks.find(row.trackID)?.uploadID == row.id,
                try tx.tracks.fail(row.trackID, code: error.code, message: error.message)
            else { return true }
        } else {
            try dropTrack(of: row, error, tx)
        }
        if let type { try events.tell(type, of: row, in: tx) }
        return true
    }

    /// A final that still waits for this part will never be whole: it ends as its part does.
    private func endFinals(
        of part: UploadRow, as state: UploadState, error: Blame?, telling type: EventType?, _ tx: Transaction
    ) throws -> [UploadRow] {
        guard part.protocol == .part, let part = try tx.uploads.find(part.id) else { return [] }
        return try StreamNotes(part).finals.compactMap { try tx.uploads.find($0) }.filter {
            try end($0, as: state, error: error, telling: type, tx)
        }
    }

    /// For who ended it in the ledger: ends whoever still writes, then the bytes.
    private func clear(_ row: UploadRow, as state: UploadState, because reason: UploadMachine.Reason) async throws {
        notice(.ended(row, as: state, reason))
        // Held until its files are gone: nobody finds them as if it went on.
        let reception = receptions.take(row.id, length: row.size, promise: row.promise)
        defer { receptions.giveBack(row.id) }
        await reception.end(reason)
        try await release(row.id)
    }

    /// A track that was made with this upload has no other, and goes with it. One that was there before keeps what it plays;
    /// if it plays nothing it fails, because no file comes for it any more.
    private func dropTrack(of row: UploadRow, _ error: Blame?, _ tx: Transaction) throws {
        guard let track = try tx.tracks.find(row.trackID), track.uploadID == row.id, track.generation == nil else {
            return
        }
        if track.createdAt == row.createdAt {
            _ = try tx.tracks.delete(track.id)
        } else {
            let (code, message) = error ?? (.uploadIncomplete, "The upload of a new file ended before it was complete.")
            guard try tx.tracks.fail(track.id, code: code, message: message) else { return }
            try events.tell(.trackFailed, of: row, in: tx)
        }
    }

    // MARK: What is complete

    /// The upload goes, and with it a track that has no live generation yet. A live track stays, and so does a quarantined
    /// one with its evidence. A job that works on the upload finds it cancelled, and ends.
    private func cancelComplete(_ row: UploadRow) async throws -> Bool {
        guard row.protocol != .media else {
            throw IngestFailure(.failed(.trackProcessing), "The upload is a media file. Delete it at /api/v6/media.")
        }
        let isEnded = try await ledger.write("upload.cancel") { [events] tx in
            let complete: [UploadState] = [.verifying, .scanning, .processing, .stored, .ready, .quarantined]
            guard try tx.uploads.setState(row.id, from: complete, to: .cancelled) else { return false }
            // Also while an operator's decision on it is carried out.
            let isEvidence = try tx.quarantine.of(row.trackID).contains {
                $0.uploadID == row.id && $0.state != .deleted
            }
            if let track = try tx.tracks.find(row.trackID), track.uploadID == row.id, track.generation == nil,
                track.state != .quarantined, !isEvidence
            {
                _ = try tx.tracks.delete(track.id)
            }
            try events.tell(.uploadCancelled, of: row, in: tx)
            return true
        }
        if isEnded { try await clear(row, as: .cancelled, because: .cancelled) }
        return isEnded
    }
}
