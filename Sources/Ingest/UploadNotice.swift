package import Core
package import Ledger

/// What became of an upload, for whoever logs and counts. Nothing of it is needed to go on.
package enum UploadNotice: Sendable {
    case completed(UploadRow)
    case ended(UploadRow, as: UploadState, UploadMachine.Reason)
    case recovered(Recovery)
    case unreadable(UploadRow, IngestFailure)

    package var name: String {
        switch self {
        case .completed: "upload.completed"
        case .ended: "upload.ended"
        case .recovered: "spool.recovered"
        case .unreadable: "upload.unreadable"
        }
    }

    /// Of a log line; no path, no name of a file.
    package var fields: [(String, String)] {
        switch self {
        case .completed(let row):
            [
                ("upload", row.id.text), ("track", row.trackID.text), ("request", row.requestID.text),
                ("size", String(row.size ?? 0)),
            ]
        case .ended(let row, let state, let reason):
            [("upload", row.id.text), ("track", row.trackID.text), ("state", state.rawValue), ("reason", "\(reason)")]
        case .recovered(let recovery):
            [
                ("receiving", String(recovery.receiving)), ("completed", String(recovery.completed)),
                ("ended", String(recovery.ended)), ("removed", String(recovery.removed)),
                ("unreadable", String(recovery.unreadable)),
            ]
        case .unreadable(let row, let failure):
            [("upload", row.id.text), ("reason", failure.message)]
        }
    }

    package var isError: Bool {
        if case .unreadable = self { true } else { false }
    }
}
