package import Core
package import Ledger

extension UploadService {
    /// The one form in which every protocol shows an upload.
    package func view(_ row: UploadRow) async throws -> JSON {
        var received = IntervalSet()
        var state = row.state
        var error = row.errorCode.map { ($0, row.errorMessage ?? $0.sentence) }
        switch row.state {
        case .receiving:
            received = try await withReception(row) { $0.received }
        case .cancelled, .expired, .failed:
            break
        case .verifying, .scanning, .processing, .stored, .ready, .quarantined:
            received.insert(0..<(row.size ?? 0))
            let track = try await ledger.read("upload.track") { tx in try tx.tracks.find(row.trackID) }
            if let track, track.uploadID == row.id {
                state = Self.state(of: track, else: row.state)
                if let code = track.errorCode { error = (code, track.errorMessage ?? code.sentence) }
            }
        }
        return Self.json(row, state: state, received: received, error: error)
    }

    /// As it is when its last byte was just taken: nobody can have worked on it yet.
    func accepted(_ row: UploadRow) -> JSON {
        var received = IntervalSet()
        received.insert(0..<(row.size ?? 0))
        return Self.json(row, state: row.state, received: received, error: nil)
    }

    /// What an upload is after its last byte is read from its track. A track that stays ready while this newer upload is
    /// under way says so by its stage.
    private static func state(of track: TrackRow, else own: UploadState) -> UploadState {
        switch track.state {
        case .failed: return .failed
        case .quarantined: return .quarantined
        case .ready where track.stage == .publishing && track.progress == 1: return .ready
        case .deleted: return own
        case .processing, .ready: break
        }
        if own == .stored { return .stored }
        switch track.stage {
        case .uploading, .verifying: return .verifying
        case .scanning: return .scanning
        case .encoding, .publishing: return .processing
        }
    }

    private static func json(
        _ row: UploadRow, state: UploadState, received: IntervalSet, error: (code: FailureCode, message: String)?
    ) -> JSON {
        let missing: JSON
        switch (row.protocol, row.geometry) {
        case (.chunks, let geometry?): missing = .array(geometry.missing(from: received).map(JSON.integer))
        case (.chunks, nil): missing = .array([])
        default: missing = .null
        }
        return .object([
            ("id", .string(row.id.text)),
            // A piece of a concatenation is nobody's track.
            ("trackId", row.protocol == .part ? .null : .string(row.trackID.text)),
            ("protocol", .string(row.protocol == .part ? UploadProtocol.tus.rawValue : row.protocol.rawValue)),
            ("state", .string(state.rawValue)), ("filename", .string(row.filename)), ("size", .optional(row.size)),
            ("offset", .integer(received.frontier)),
            ("received", .array(received.ranges.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) })),
            ("missing", missing), ("sha256", .optional(row.sha256)), ("expiresAt", .string(row.expiresAt.description)),
            (
                "error",
                error.map { .object([("code", .string($0.code.rawValue)), ("message", .string($0.message))]) } ?? .null
            ),
        ])
    }
}
