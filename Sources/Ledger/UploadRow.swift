package import Core

/// One upload as the ledger has it. A value, but a small one: its columns lie behind a reference, because a request that
/// waits for its body holds several copies in the frames of its functions, and there may be ten thousand such requests.
package struct UploadRow: Sendable, Equatable {
    struct Columns: Sendable, Equatable {
        var id: UploadID
        var trackID: TrackID
        var tenant: TenantID
        var owner: UserID
        var `protocol`: UploadProtocol
        var state: UploadState
        var filename: String
        var size: Int64?
        var contentType: String?
        var declaredSHA256: String?
        var sha256: String?
        var chunkSize: Int64?
        var metadata: String
        var requestID: RequestID
        var node: NodeID
        var expiresAt: Timestamp
        var createdAt: Timestamp
        var errorCode: FailureCode?
        var errorMessage: String?
    }

    /// Never changed: a change makes another.
    private final class Box: Sendable {
        let columns: Columns
        init(_ columns: Columns) { self.columns = columns }
    }

    private var box: Box

    package init(
        id: UploadID, trackID: TrackID, tenant: TenantID, owner: UserID, protocol: UploadProtocol,
        state: UploadState = .receiving, filename: String, size: Int64?, contentType: String? = nil,
        declaredSHA256: String? = nil, sha256: String? = nil, chunkSize: Int64? = nil, metadata: String = "{}",
        requestID: RequestID, node: NodeID, expiresAt: Timestamp, createdAt: Timestamp,
        errorCode: FailureCode? = nil, errorMessage: String? = nil

    ) {
        box = Box(
            Columns(
                id: id, trackID: trackID, tenant: tenant, owner: owner, protocol: `protocol`, state: state,
                filename: filename, size: size, contentType: contentType, declaredSHA256: declaredSHA256,
                sha256: sha256, chunkSize: chunkSize, metadata: metadata, requestID: requestID, node: node,
                expiresAt: expiresAt, createdAt: createdAt, errorCode: errorCode, errorMessage: errorMessage))
    }

    package static func == (a: UploadRow, b: UploadRow) -> Bool { a.box === b.box || a.box.columns == b.box.columns }

    private mutating func change(_ body: (inout Columns) -> Void) {
        var columns = box.columns
        body(&columns)
        box = Box(columns)
    }
}

extension UploadRow {
    package var id: UploadID {
        get { box.columns.id }
        set { change { $0.id = newValue } }
    }
    package var trackID: TrackID {
        get { box.columns.trackID }
        set { change { $0.trackID = newValue } }
    }
    package var tenant: TenantID {
        get { box.columns.tenant }
        set { change { $0.tenant = newValue } }
    }
    package var owner: UserID {
        get { box.columns.owner }
        set { change { $0.owner = newValue } }
    }
    package var `protocol`: UploadProtocol {
        get { box.columns.protocol }
        set { change { $0.protocol = newValue } }
    }
    package var state: UploadState {
        get { box.columns.state }
        set { change { $0.state = newValue } }
    }
    package var filename: String {
        get { box.columns.filename }
        set { change { $0.filename = newValue } }
    }
    /// Nil while it is deferred.
    package var size: Int64? {
        get { box.columns.size }
        set { change { $0.size = newValue } }
    }
    package var contentType: String? {
        get { box.columns.contentType }
        set { change { $0.contentType = newValue } }
    }
    package var declaredSHA256: String? {
        get { box.columns.declaredSHA256 }
        set { change { $0.declaredSHA256 = newValue } }
    }
    /// Nil until all bytes are hashed.
    package var sha256: String? {
        get { box.columns.sha256 }
        set { change { $0.sha256 = newValue } }
    }
    package var chunkSize: Int64? {
        get { box.columns.chunkSize }
        set { change { $0.chunkSize = newValue } }
    }
    /// JSON.
    package var metadata: String {
        get { box.columns.metadata }
        set { change { $0.metadata = newValue } }
    }
    package var requestID: RequestID {
        get { box.columns.requestID }
        set { change { $0.requestID = newValue } }
    }
    /// Whose spool holds the bytes.
    package var node: NodeID {
        get { box.columns.node }
        set { change { $0.node = newValue } }
    }
    package var expiresAt: Timestamp {
        get { box.columns.expiresAt }
        set { change { $0.expiresAt = newValue } }
    }
    package var createdAt: Timestamp {
        get { box.columns.createdAt }
        set { change { $0.createdAt = newValue } }
    }
    package var errorCode: FailureCode? {
        get { box.columns.errorCode }
        set { change { $0.errorCode = newValue } }
    }
    package var errorMessage: String? {
        get { box.columns.errorMessage }
        set { change { $0.errorMessage = newValue } }
    }
}
