package import Core

package struct TrackRow: Sendable, Equatable {
    package var id: TrackID
    package var tenant: TenantID
    package var owner: UserID
    package var uploadID: UploadID?
    package var state: TrackState
    package var stage: TrackStage
    package var progress: Double
    /// What players hear; nil until something was published.
    package var generation: GenerationID?
    package var visibility: Visibility
    package var publishAt: Timestamp?
    package var title: String
    /// Where the original lies in the blob store.
    package var originalKey: String?
    package var contentType: String?
    package var size: Int64?
    package var sha256: String?
    /// JSON, all three.
    package var metadata: String?
    package var scan: String?
    package var renditions: String?
    package var createdAt: Timestamp
    package var readyAt: Timestamp?
    package var errorCode: FailureCode?
    package var errorMessage: String?

    package init(
        id: TrackID, tenant: TenantID, owner: UserID, uploadID: UploadID?, state: TrackState = .processing,
        stage: TrackStage = .uploading, progress: Double = 0, generation: GenerationID? = nil,
        visibility: Visibility = .private, publishAt: Timestamp? = nil, title: String, originalKey: String? = nil,
        contentType: String? = nil, size: Int64? = nil, sha256: String? = nil, metadata: String? = nil,
        scan: String? = nil, renditions: String? = nil, createdAt: Timestamp, readyAt: Timestamp? = nil,
        errorCode: FailureCode? = nil, errorMessage: String? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.owner = owner
        self.uploadID = uploadID
        self.state = state
        self.stage = stage
        self.progress = progress
        self.generation = generation
        self.visibility = visibility
        self.publishAt = publishAt
        self.title = title
        self.originalKey = originalKey
        self.contentType = contentType
        self.size = size
        self.sha256 = sha256
        self.metadata = metadata
        self.scan = scan
        self.renditions = renditions
        self.createdAt = createdAt
        self.readyAt = readyAt
        self.errorCode = errorCode
        self.errorMessage = errorMessage
    }
}

extension TrackRow {
    static let columns = """
        id, tenant, owner, upload_id, state, stage, progress, generation, visibility, publish_at, title, \
        original_key, content_type, size, sha256, metadata, scan, renditions, created_at, ready_at, error_code, \
        error_message
        """

    init(_ row: SQLRow) throws {
        var row = row
        self.init(
            id: try row.id(), tenant: try row.id(), owner: try row.user(), uploadID: try row.optionalID(),
            state: try row.state(), stage: try row.state(), progress: try row.real(),
            generation: try row.optionalID(), visibility: try row.state(), publishAt: try row.optionalTime(),
            title: try row.text(), originalKey: try row.optionalText(), contentType: try row.optionalText(),
            size: try row.optionalInteger(), sha256: try row.optionalText(), metadata: try row.optionalText(),
            scan: try row.optionalText(), renditions: try row.optionalText(), createdAt: try row.time(),
            readyAt: try row.optionalTime(), errorCode: try row.optionalState(),
            errorMessage: try row.optionalText())
    }

    var values: [SQLValue] {
        [
            .id(id), .id(tenant), .user(owner), .id(uploadID), .state(state), .state(stage), .real(progress),
            .id(generation), .state(visibility), .time(publishAt), .text(title), .text(originalKey),
            .text(contentType), .integer(size), .text(sha256), .text(metadata), .text(scan), .text(renditions),
            .time(createdAt), .time(readyAt), .text(errorCode?.rawValue), .text(errorMessage),
        ]
    }
}
