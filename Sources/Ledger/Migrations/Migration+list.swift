extension Migration {
    /// Every step there ever was, oldest first. What differs between backends is kept out of it: texts, bigints and
    /// doubles are all a row needs.
    package static let all: [Migration] = [
        Migration(number: 1, name: "begin", oldestProgram: ProgramVersion(0, 1, 0), statements: begin),
        Migration(number: 2, name: "media", oldestProgram: ProgramVersion(0, 1, 0), statements: media),
        Migration(number: 3, name: "small files", oldestProgram: ProgramVersion(0, 1, 0), statements: smallFiles),
        jobCounts,
        multiparts,
        tenants,
        expiring,
        deadDeliveries,
    ]

    private static let begin = uploads + tracks + jobs + outbox + access + operations

    private static let uploads = [
        """
        create table uploads (id text primary key, track_id text not null, tenant text not null, owner text not null,
          protocol text not null, state text not null, filename text not null, size bigint, content_type text,
          declared_sha256 text, sha256 text, chunk_size bigint, metadata text not null, request_id text not null,
          node text not null, expires_at bigint not null, created_at bigint not null, error_code text,
          error_message text)
        """,
        "create index uploads_by_track on uploads (track_id, created_at, id)",
        "create index uploads_by_owner on uploads (tenant, owner, created_at)",
        "create index uploads_open on uploads (tenant, owner) where state = 'receiving'",
        "create index uploads_expiring on uploads (expires_at) where state = 'receiving'",
        "create index uploads_by_node on uploads (node, state, id)",
        """
        create table upload_keys (tenant text not null, owner text not null, idempotency_key text not null,
          body_digest text not null, upload_id text not null, created_at bigint not null,
          primary key (tenant, owner, idempotency_key))
        """,
        "create index upload_keys_by_age on upload_keys (created_at)",
        """
        create table reservations (owner text primary key, node text not null, tenant text not null,
          bytes bigint not null, created_at bigint not null)
        """,
        "create index reservations_by_node on reservations (node, owner)",
        "create index reservations_by_tenant on reservations (tenant)",
    ]

    private static let tracks = [
        """
        create table tracks (id text primary key, tenant text not null, owner text not null, upload_id text,
          state text not null, stage text not null, progress double precision not null, generation text,
          visibility text not null, publish_at bigint, title text not null, original_key text, content_type text,
          size bigint, sha256 text, metadata text, scan text, renditions text, created_at bigint not null,
          ready_at bigint, error_code text, error_message text, folded_title text not null)
        """,
        "create index tracks_shown on tracks (tenant, created_at, id) where state <> 'deleted'",
        "create index tracks_by_state on tracks (tenant, state, created_at, id)",
        """
        create table generations (id text primary key, track_id text not null, state text not null,
          profile text not null, node text not null, created_at bigint not null, heartbeat_at bigint not null,
          changed_at bigint not null)
        """,
        "create index generations_by_track on generations (track_id, created_at, id)",
        "create index generations_by_state on generations (state, changed_at)",
        "create index generations_beating on generations (state, heartbeat_at)",
        """
        create table quarantine (id text primary key, track_id text not null, upload_id text, tenant text not null,
          state text not null, reason text not null, evidence text not null, at bigint not null)
        """,
        "create index quarantine_by_track on quarantine (track_id, at, id)",
        "create index quarantine_by_age on quarantine (at, id)",
        "create index quarantine_by_tenant on quarantine (tenant, at, id)",
        "create index quarantine_held on quarantine (at) where state = 'held'",
    ]

    private static let jobs = [
        """
        create table jobs (id text primary key, kind text not null, queue text not null, tenant text not null,
          track_id text, upload_id text, payload text not null, unique_key text, priority bigint not null,
          run_at bigint not null, pinned_node text, request_id text, maximum_attempts bigint not null,
          created_at bigint not null, finished_at bigint, state text not null, attempt bigint not null,
          interruptions bigint not null, last_error text, lease_token bigint, lease_expires bigint, lease_node text,
          lease_boot text)
        """,
        "create index jobs_ready on jobs (queue, tenant, priority, run_at, id) where state = 'queued'",
        "create index jobs_leased on jobs (lease_expires) where state = 'running'",
        "create index jobs_of_node on jobs (lease_node) where state = 'running'",
        "create unique index jobs_live on jobs (unique_key) where state in ('queued', 'running')",
        "create index jobs_by_state on jobs (queue, state, created_at, id)",
        """
        create table job_attempts (job_id text not null, attempt bigint not null, at bigint not null, node text,
          error text not null)
        """,
        "create index job_attempts_by_job on job_attempts (job_id, at, attempt)",
        """
        create table queue_shares (queue text not null, tenant text not null, finish bigint not null, next_at bigint,
          primary key (queue, tenant))
        """,
        "create index queue_shares_waiting on queue_shares (queue, finish, tenant) where next_at is not null",
        "create index queue_shares_idle on queue_shares (finish) where next_at is null",
        "create table paused_queues (queue text primary key, paused_at bigint not null)",
        """
        create table counters (scope text not null, item text not null, shard bigint not null, value bigint not null,
          primary key (scope, item, shard))
        """,
    ]

    private static let outbox = [
        "create table tenant_sequences (tenant text primary key, last bigint not null)",
        """
        create table events (id text primary key, tenant text not null, sequence bigint not null, type text not null,
          track_id text, request_id text, body text not null, created_at bigint not null)
        """,
        "create unique index events_in_order on events (tenant, sequence)",
        "create index events_of_track on events (tenant, track_id, sequence)",
        "create index events_by_age on events (created_at)",
        """
        create table deliveries (id text primary key, endpoint text not null, tenant text not null,
          track_id text not null, event_id text not null, sequence bigint not null, state text not null,
          attempts bigint not null, next_at bigint not null, last_status bigint, last_error text,
          created_at bigint not null)
        """,
        "create index deliveries_pending on deliveries (endpoint, track_id, sequence) where state = 'pending'",
        "create index deliveries_by_endpoint on deliveries (endpoint, tenant, created_at, id)",
        "create index deliveries_by_event on deliveries (event_id)",
        "create index deliveries_by_age on deliveries (created_at)",
        """
        create table circuits (endpoint text primary key, state text not null, failures bigint not null,
          probe_at bigint, wait bigint not null)
        """,
    ]

    private static let access = [
        """
        create table api_keys (id text primary key, tenant text not null, name text not null, prefix text not null,
          hash text not null, permissions text not null, created_at bigint not null, expires_at bigint,
          revoked_at bigint)
        """,
        "create index api_keys_by_prefix on api_keys (prefix, id)",
        "create table sign_in_codes (hash text primary key, expires_at bigint not null)",
        """
        create table sessions (id text primary key, track_id text not null, tenant text not null, once bigint not null,
          taken bigint not null, revoked bigint not null, expires_at bigint not null)
        """,
        "create index sessions_by_age on sessions (expires_at)",
    ]

    private static let operations = [
        """
        create table nodes (id text primary key, boot text not null, name text not null, url text,
          roles text not null, started_at bigint not null, heartbeat_at bigint not null)
        """,
        """
        create table audit (id text primary key, at bigint not null, tenant text not null, actor text not null,
          action text not null, subject text not null, detail text not null)
        """,
        "create index audit_by_age on audit (at, id)",
        "create index audit_by_tenant on audit (tenant, at, id)",
        "create table settings (name text primary key, value text not null)",
    ]

    private static let smallFiles = [
        "create table small_files (upload_id text primary key, content blob not null)"
    ]

    private static let media = [
        """
        create table media (id text primary key, tenant text not null, owner text not null, use text not null,
          state text not null, original_name text not null, filename text, content_type text, size bigint not null,
          sha256 text not null, blob_key text, created_at bigint not null, error_code text, error_message text)
        """,
        "create index media_ready on media (id) where state = 'ready'",
    ]
}
