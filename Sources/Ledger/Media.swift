package import Core

/// A file of the media API: kept as it came, once it was proven clean. Its id is its upload's.
package struct MediaRow: Sendable, Equatable {
    package var id: UploadID
    package var tenant: TenantID
    package var owner: UserID
    package var use: MediaUse
    package var state: TrackState
    /// What the client called it.
    package var originalName: String
    /// The last part of its address; nil until it is ready, for its ending is what the bytes are.
    package var filename: String?
    package var contentType: String?
    package var size: Int64
    package var sha256: String
    /// Where it lies in the blob store.
    package var key: String?
    package var createdAt: Timestamp
    package var errorCode: FailureCode?
    package var errorMessage: String?

    package init(
        id: UploadID, tenant: TenantID, owner: UserID, use: MediaUse, state: TrackState = .processing,
        originalName: String, filename: String? = nil, contentType: String? = nil, size: Int64, sha256: String,
        key: String? = nil, createdAt: Timestamp, errorCode: FailureCode? = nil, errorMessage: String? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.owner = owner
        self.use = use
        self.state = state
        self.originalName = originalName
        self.filename = filename
        self.contentType = contentType
        self.size = size
        self.sha256 = sha256
        self.key = key
        self.createdAt = createdAt
        self.errorCode = errorCode
        self.errorMessage = errorMessage
    }
}

/// Media, from their last byte on.
///
///     processing ─▶ ready ─▶ deleted
///         └──▶ failed │ quarantined ─▶ deleted
package struct Media {
    let tx: Transaction

    package func insert(_ row: MediaRow) throws {
        _ = try tx.connection.execute(
            "insert into media (\(MediaRow.columns)) values (\(placeholders(14)))", row.values)
    }

    package func find(_ id: UploadID) throws -> MediaRow? {
        try tx.connection.first(
            "select \(MediaRow.columns) from media where id = $1\(tx.connection.held)", [.id(id)]
        ).map { try MediaRow($0) }
    }

    /// False when somebody deleted it, or ended it, before.
    package func publish(_ id: UploadID, filename: String, contentType: String, key: String) throws -> Bool {
        defer { tx.hint(.media) }
        let changed = try tx.connection.execute(
            """
            update media set state = 'ready', filename = $2, content_type = $3, blob_key = $4
            where id = $1 and state = 'processing'
            """, [.id(id), .text(filename), .text(contentType), .text(key)])
        if changed > 0, let row = try find(id) { try tx.tenants.store(row.tenant, row.size) }
        return changed > 0
    }

    /// As `publish`.
    package func end(_ id: UploadID, as state: TrackState, code: FailureCode, message: String) throws -> Bool {
        defer { tx.hint(.media) }
        return try tx.connection.execute(
            "update media set state = $2, error_code = $3, error_message = $4 where id = $1 and state = 'processing'",
            [.id(id), .state(state), .text(code.rawValue), .text(message)]) > 0
    }

    /// The row stays, so that its key is known to whoever removes the bytes; its tenant has stored so much less. False when it is gone already.
    package func delete(_ id: UploadID) throws -> Bool {
        defer { tx.hint(.media) }
        guard let row = try find(id), row.state != .deleted else { return false }
        if row.state == .ready { try tx.tenants.store(row.tenant, -row.size) }
        return try tx.connection.execute("update media set state = 'deleted' where id = $1", [.id(id)]) > 0
    }

    /// In the order of ids, for looks at all of them.
    package func ready(after id: UploadID?, limit: Int) throws -> [MediaRow] {
        try tx.connection.query(
            "select \(MediaRow.columns) from media where state = 'ready' and id > $1 order by id limit $2",
            [.text(id?.text ?? ""), .integer(limit)]
        ).map { try MediaRow($0) }
    }
}

extension MediaRow {
    static let columns = """
        id, tenant, owner, use, state, original_name, filename, content_type, size, sha256, blob_key, created_at, \
        error_code, error_message
        """

    init(_ row: SQLRow) throws {
        var row = row
        self.init(
            id: try row.id(), tenant: try row.id(), owner: try row.user(), use: try row.state(),
            state: try row.state(), originalName: try row.text(), filename: try row.optionalText(),
            contentType: try row.optionalText(), size: try row.integer(), sha256: try row.text(),
            key: try row.optionalText(), createdAt: try row.time(), errorCode: try row.optionalState(),
            errorMessage: try row.optionalText())
    }

    var values: [SQLValue] {
        [
            .id(id), .id(tenant), .user(owner), .state(use), .state(state), .text(originalName), .text(filename),
            .text(contentType), .integer(size), .text(sha256), .text(key), .time(createdAt),
            .text(errorCode?.rawValue), .text(errorMessage),
        ]
    }
}
