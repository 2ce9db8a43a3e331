extension Migration {
    /// Tenants with limits of their own, what each has stored, and lists of one tenant that stay quick among millions.
    static let tenants = Migration(
        number: 7, name: "tenants", oldestProgram: ProgramVersion(0, 1, 0),
        statements: [
            """
            create table tenants (id text primary key, name text not null, quota_bytes bigint, uploads_per_hour bigint,
              suspended bigint not null, created_at bigint not null)
            """,
            "create index tenants_by_age on tenants (created_at, id)",
            """
            insert into counters (scope, item, shard, value)
            select 'stored', tenant, 0, cast(sum(size) as bigint) from
            (select tenant, size from tracks where original_key is not null and size is not null union all
            select tenant, size from media where state = 'ready') as kept group by tenant
            """,
            "create index jobs_by_tenant on jobs (tenant, queue, state, created_at, id)",
            // The title is in it, so that a search reads the index alone.
            "create index tracks_titles on tracks (tenant, created_at, id, folded_title) where state <> 'deleted'",
            "drop index tracks_shown",
            "create index tracks_left on tracks (id) where state = 'deleted' and original_key is not null",
            "create table replaced_originals (blob_key text primary key, track_id text not null)",
            "create index replaced_originals_by_track on replaced_originals (track_id, blob_key)",
            "create index quarantine_by_state on quarantine (state, at, id)",
            "create index quarantine_of_tenant on quarantine (tenant, state, at, id)",
            "create index sign_in_codes_by_age on sign_in_codes (expires_at)",
        ])
}
