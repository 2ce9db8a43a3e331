extension Migration {
    /// Uploads in parts that were begun at a store of blobs and whose end nobody wrote down.
    static let multiparts = Migration(
        number: 6, name: "multiparts", oldestProgram: ProgramVersion(0, 1, 0),
        statements: [
            """
            create table multiparts (store text not null, blob_key text not null, upload_id text not null,
              node text not null, began_at bigint not null, primary key (store, blob_key, upload_id))
            """,
            "create index multiparts_by_age on multiparts (store, began_at, blob_key, upload_id)",
        ])
}
