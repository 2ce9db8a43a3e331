import Core
import Ledger

/// What the world is told of an upload, in the form that all events have (schema 1).
enum UploadEvent {
    static func append(
        _ type: EventType, of row: UploadRow, error: (code: FailureCode, message: String)? = nil, _ tx: Transaction
    ) throws {
        let now = tx.now
        try tx.outbox.append(tenant: row.tenant, type: type, trackID: row.trackID, requestID: row.requestID) {
            id, sequence in
            body(id, sequence, type, row, error, at: now).bytes
        }
    }

    private static func body(
        _ id: EventID, _ sequence: Int64, _ type: EventType, _ row: UploadRow,
        _ error: (code: FailureCode, message: String)?,
        at now: Timestamp
    ) -> JSON {
        var data: [(String, JSON)] = [
            ("trackId", .string(row.trackID.text)), ("uploadId", .string(row.id.text)),
            ("userId", .string(row.owner.text)),
            ("sha256", .optional(row.sha256)), ("size", .optional(row.size)),
            ("requestId", .string(row.requestID.text)),
        ]
        if let error {
            data.append(
                ("error", .object([("code", .string(error.code.rawValue)), ("message", .string(error.message))])))
        }
        return .object([
            ("id", .string(id.text)), ("type", .string(type.rawValue)), ("schema", 1), ("sequence", .integer(sequence)),
            ("occurredAt", .string(now.description)), ("tenant", .string(row.tenant.text)), ("data", .object(data)),
        ])
    }
}
