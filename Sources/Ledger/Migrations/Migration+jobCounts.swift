extension Migration {
    /// Kept counts of each tenant's ended jobs, and fewer indexes that every claim has to write: what runs is little enough
    /// to be found by its leases, and most jobs have no unique key.
    static let jobCounts = Migration(
        number: 5, name: "job counts", oldestProgram: ProgramVersion(0, 1, 0),
        statements: [
            """
            insert into counters (scope, item, shard, value)
            select 'jobs:' || queue || ':' || tenant, state, 0, count(*) from jobs
            where state in ('done', 'dead', 'cancelled') group by queue, tenant, state
            """,
            "drop index jobs_of_node",
            "drop index jobs_live",
            """
            create unique index jobs_live on jobs (unique_key)
            where unique_key is not null and state in ('queued', 'running')
            """,
        ])
}
