package import Core

/// A piece of work to be written down. Its payload holds ids only: what it works on is read when it runs.
package struct NewJob: Sendable {
    package var kind: String
    package var queue: Queue
    package var tenant: TenantID
    package var trackID: TrackID?
    package var uploadID: UploadID?
    package var payload: [String: String]
    /// While a job with this key is queued or running, there is no second.
    package var uniqueKey: String?
    /// Lower goes first.
    package var priority: Int
    /// Nil is now.
    package var runAt: Timestamp?
    /// The only node that may run it.
    package var pinnedNode: NodeID?
    package var requestID: RequestID?
    /// It is dead once it has burned so many, whether its attempts threw or their leases ran out; a pool's policy may
    /// end it sooner.
    package var maximumAttempts: Int

    /// Of a job that does not say; also how often the pool's own policy tries, so that what is shown is what happens.
    package static let usualAttempts = 12

    package init(
        kind: String, queue: Queue, tenant: TenantID, trackID: TrackID? = nil, uploadID: UploadID? = nil,
        payload: [String: String] = [:], uniqueKey: String? = nil, priority: Int = 0, runAt: Timestamp? = nil,
        pinnedNode: NodeID? = nil, requestID: RequestID? = nil, maximumAttempts: Int = usualAttempts
    ) {
        self.kind = kind
        self.queue = queue
        self.tenant = tenant
        self.trackID = trackID
        self.uploadID = uploadID
        self.payload = payload
        self.uniqueKey = uniqueKey
        self.priority = priority
        self.runAt = runAt
        self.pinnedNode = pinnedNode
        self.requestID = requestID
        self.maximumAttempts = maximumAttempts
    }
}

/// What a worker holds while it works a job. The token is random and compared by equality: a worker that slept past its
/// lease settles nothing, whoever holds the job by then.
package struct Lease: Sendable, Hashable {
    package let job: JobID
    package let token: Int64
    package let duration: Duration
    package let expiresAt: Timestamp

    package init(job: JobID, token: Int64, duration: Duration, expiresAt: Timestamp) {
        self.job = job
        self.token = token
        self.duration = duration
        self.expiresAt = expiresAt
    }
}

package struct ClaimedJob: Sendable, Equatable {
    package let id: JobID
    package let kind: String
    package let queue: Queue
    package let tenant: TenantID
    package let trackID: TrackID?
    package let uploadID: UploadID?
    package let payload: [String: String]
    /// Which attempt this is, from 1.
    package let attempt: Int
    package let maximumAttempts: Int
    package let requestID: RequestID?
    package let lease: Lease

    package init(
        id: JobID, kind: String, queue: Queue, tenant: TenantID, trackID: TrackID? = nil, uploadID: UploadID? = nil,
        payload: [String: String] = [:], attempt: Int, maximumAttempts: Int = NewJob.usualAttempts,
        requestID: RequestID? = nil,
        lease: Lease
    ) {
        self.id = id
        self.kind = kind
        self.queue = queue
        self.tenant = tenant
        self.trackID = trackID
        self.uploadID = uploadID
        self.payload = payload
        self.attempt = attempt
        self.maximumAttempts = maximumAttempts
        self.requestID = requestID
        self.lease = lease
    }
}

/// A job as people see it.
package struct JobRow: Sendable, Equatable {
    package let id: JobID
    package let kind: String
    package let queue: Queue
    package let tenant: TenantID
    package let trackID: TrackID?
    package let uploadID: UploadID?
    package let payload: [String: String]
    package let uniqueKey: String?
    package let priority: Int
    package let runAt: Timestamp
    package let state: JobState
    package let attempt: Int
    package let maximumAttempts: Int
    package let pinnedNode: NodeID?
    package let requestID: RequestID?
    package let lastError: String?
    package let createdAt: Timestamp
    package let finishedAt: Timestamp?
}

/// How one attempt ended, unless it ended well.
package struct JobAttempt: Sendable, Equatable {
    package let number: Int
    package let at: Timestamp
    package let node: NodeID?
    package let error: String
}

/// How a job is settled by the worker that holds its lease.
package enum JobOutcome: Sendable, Equatable {
    case done
    case retry(at: Timestamp, error: String)
    /// Not to be tried again, unless a person says so.
    case dead(error: String)
    /// Given back as if it had not been claimed: no attempt is burned.
    case returned
    /// Nothing to do before then, and nothing went wrong: no attempt is burned.
    case postponed(until: Timestamp)
}

extension JobRow {
    static let columns = """
        id, kind, queue, tenant, track_id, upload_id, payload, unique_key, priority, run_at, state, attempt, \
        maximum_attempts, pinned_node, request_id, last_error, created_at, finished_at
        """

    init(_ row: SQLRow) throws {
        var row = row
        id = try row.id()
        kind = try row.text()
        queue = try row.state()
        tenant = try row.id()
        trackID = try row.optionalID()
        uploadID = try row.optionalID()
        payload = Payload.decode(try row.text())
        uniqueKey = try row.optionalText()
        priority = try row.int()
        runAt = try row.time()
        state = try row.state()
        attempt = try row.int()
        maximumAttempts = try row.int()
        pinnedNode = try row.optionalID()
        requestID = try row.optionalID()
        lastError = try row.optionalText()
        createdAt = try row.time()
        finishedAt = try row.optionalTime()
    }
}
