package import Core

/// Uploads and the idempotency keys of their creation. The bytes' own truth is the spool's journal.
package struct Uploads {
    let tx: Transaction

    package func insert(_ row: UploadRow) throws {
        let changed = try tx.connection.execute(
            Self.insertion + tx.connection.dialect.orIgnore, row.values)
        if changed == 0 { throw LedgerFailure(.conflict(.unique), "The upload \(row.id) exists already.") }
    }

    private static let insertion =
        "insert into uploads (\(UploadRow.columns)) values (\(placeholders(19)))"

    package func find(_ id: UploadID) throws -> UploadRow? {
        try tx.connection.first(
            "select \(UploadRow.columns) from uploads where id = $1\(tx.connection.held)", [.id(id)]
        ).map { try UploadRow($0) }
    }

    package func of(_ track: TrackID) throws -> [UploadRow] {
        try tx.connection.query(
            "select \(UploadRow.columns) from uploads where track_id = $1 order by created_at, id", [.id(track)]
        ).map { try UploadRow($0) }
    }

    /// The newest upload of a track.
    package func latest(of track: TrackID) throws -> UploadRow? {
        try tx.connection.first(
            "select \(UploadRow.columns) from uploads where track_id = $1 order by created_at desc, id desc limit 1",
            [.id(track)]
        ).map { try UploadRow($0) }
    }

    /// False when the upload is in none of the `from` states: somebody else moved it.
    package func setState(
        _ id: UploadID, from: [UploadState], to state: UploadState,
        error: (code: FailureCode, message: String)? = nil
    ) throws -> Bool {
        let values: [SQLValue] =
            [.id(id), .state(state), .text(error?.code.rawValue), .text(error?.message)] + from.map { .state($0) }
        return try tx.connection.execute(
            """
            update uploads set state = $2, error_code = $3, error_message = $4
            where id = $1 and state in (\(placeholders(from.count, from: 5)))
            """, values) > 0
    }

    package func setSize(_ id: UploadID, _ size: Int64) throws {
        _ = try tx.connection.execute("update uploads set size = $2 where id = $1", [.id(id), .integer(size)])
    }

    package func setDigest(_ id: UploadID, sha256: String) throws {
        _ = try tx.connection.execute("update uploads set sha256 = $2 where id = $1", [.id(id), .text(sha256)])
    }

    package func setExpiry(_ id: UploadID, _ expiresAt: Timestamp) throws {
        _ = try tx.connection.execute("update uploads set expires_at = $2 where id = $1", [.id(id), .time(expiresAt)])
    }

    package func setMetadata(_ id: UploadID, _ json: String) throws {
        _ = try tx.connection.execute("update uploads set metadata = $2 where id = $1", [.id(id), .text(json)])
    }

    /// Unfinished uploads of one node whose time is over, oldest first.
    package func expired(node: NodeID, before moment: Timestamp, limit: Int) throws -> [UploadRow] {
        try tx.connection.query(
            """
            select \(UploadRow.columns) from uploads
            where state = 'receiving' and node = $1 and expires_at < $2 order by expires_at limit $3
            """, [.id(node), .time(moment), .integer(limit)]
        ).map { try UploadRow($0) }
    }

    /// The uploads in one state whose bytes lie on `node`, for recovery and sweeps.
    package func list(
        state: UploadState, node: NodeID, after id: UploadID? = nil, limit: Int
    ) throws -> [UploadRow] {
        try tx.connection.query(
            """
            select \(UploadRow.columns) from uploads where state = $1 and node = $2 and id > $3 order by id limit $4
            """, [.state(state), .id(node), .text(id?.text ?? ""), .integer(limit)]
        ).map { try UploadRow($0) }
    }

    /// How many a user has unfinished.
    package func open(tenant: TenantID, owner: UserID) throws -> Int {
        try tx.connection.lock("uploads:\(tenant):\(owner.text)")
        return Int(
            try tx.connection.number(
                """
                select count(*) from uploads
                where state = 'receiving' and tenant = $1 and owner = $2 and protocol <> 'tus-part'
                """, [.id(tenant), .user(owner)]))
    }

    /// The same of pieces of concatenations, which count nowhere else.
    package func openParts(tenant: TenantID, owner: UserID) throws -> Int {
        try tx.connection.lock("uploads:\(tenant):\(owner.text)")
        return Int(
            try tx.connection.number(
                """
                select count(*) from uploads
                where state = 'receiving' and tenant = $1 and owner = $2 and protocol = 'tus-part'
                """, [.id(tenant), .user(owner)]))
    }

    package func createdInLastHour(tenant: TenantID, owner: UserID) throws -> Int {
        try tx.connection.lock("uploads:\(tenant):\(owner.text)")
        return Int(
            try tx.connection.number(
                """
                select count(*) from uploads
                where tenant = $1 and owner = $2 and created_at > $3 and protocol <> 'tus-part'
                """, [.id(tenant), .user(owner), .time(tx.now - .seconds(3600))]))
    }

    /// When a user may begin another upload, of `most` in an hour: once the oldest that counts against it is an hour old.
    package func hourFreesAt(tenant: TenantID, owner: UserID, most: Int) throws -> Timestamp {
        let values: [SQLValue] = [.id(tenant), .user(owner), .time(tx.now - .seconds(3600)), .integer(most - 1)]
        var row = try tx.connection.first(
            """
            select created_at from uploads where tenant = $1 and owner = $2 and created_at > $3
            order by created_at desc limit 1 offset $4
            """, values)
        return (try row?.time() ?? tx.now - .seconds(3600)) + .seconds(3600)
    }

    /// How long an idempotency key is kept.
    package static var idempotencyLifetime: Duration { .seconds(86_400) }

    package func findIdempotent(
        tenant: TenantID, owner: UserID, key: String
    ) throws -> (upload: UploadRow, bodyDigest: String)? {
        try tx.connection.lock("key:\(tenant):\(owner.text):\(key)")
        guard
            var row = try tx.connection.first(
                """
                select body_digest, upload_id from upload_keys
                where tenant = $1 and owner = $2 and idempotency_key = $3 and created_at > $4
                """, [.id(tenant), .user(owner), .text(key), .time(tx.now - Self.idempotencyLifetime)])
        else { return nil }
        let digest = try row.text()
        return try find(try row.id()).map { ($0, digest) }
    }

    package func rememberIdempotent(
        tenant: TenantID, owner: UserID, key: String, bodyDigest: String, upload: UploadID
    ) throws {
        _ = try tx.connection.execute(
            """
            insert into upload_keys (tenant, owner, idempotency_key, body_digest, upload_id, created_at)
            values (\(placeholders(6)))
            """
                + tx.connection.dialect.orUpdate(
                    "tenant, owner, idempotency_key", ["body_digest", "upload_id", "created_at"]),
            [.id(tenant), .user(owner), .text(key), .text(bodyDigest), .id(upload), .time(tx.now)])
    }

    /// Drops keys that are past their time; how many.
    package func forgetIdempotent(limit: Int) throws -> Int {
        let old = try tx.connection.query(
            """
            select tenant, owner, idempotency_key from upload_keys where created_at <= $1
            order by created_at limit $2
            """, [.time(tx.now - Self.idempotencyLifetime), .integer(limit)])
        for var row in old {
            _ = try tx.connection.execute(
                "delete from upload_keys where tenant = $1 and owner = $2 and idempotency_key = $3",
                [.text(try row.text()), .text(try row.text()), .text(try row.text())])
        }
        return old.count
    }
}

extension UploadRow {
    static let columns = """
        id, track_id, tenant, owner, protocol, state, filename, size, content_type, declared_sha256, sha256, \
        chunk_size, metadata, request_id, node, expires_at, created_at, error_code, error_message
        """

    init(_ row: SQLRow) throws {
        var row = row
        self.init(
            id: try row.id(), trackID: try row.id(), tenant: try row.id(), owner: try row.user(),
            protocol: try row.state(), state: try row.state(), filename: try row.text(),
            size: try row.optionalInteger(), contentType: try row.optionalText(),
            declaredSHA256: try row.optionalText(), sha256: try row.optionalText(),
            chunkSize: try row.optionalInteger(), metadata: try row.text(), requestID: try row.id(),
            node: try row.id(), expiresAt: try row.time(), createdAt: try row.time(),
            errorCode: try row.optionalState(), errorMessage: try row.optionalText())
    }

    var values: [SQLValue] {
        [
            .id(id), .id(trackID), .id(tenant), .user(owner), .state(`protocol`), .state(state), .text(filename),
            .integer(size), .text(contentType), .text(declaredSHA256), .text(sha256), .integer(chunkSize),
            .text(metadata), .id(requestID), .id(node), .time(expiresAt), .time(createdAt),
            .text(errorCode?.rawValue), .text(errorMessage),
        ]
    }
}
