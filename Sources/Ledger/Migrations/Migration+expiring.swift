extension Migration {
    /// Each node ends its own uploads, and steps over nobody else's.
    static let expiring = Migration(
        number: 8, name: "expiring", oldestProgram: ProgramVersion(0, 1, 0),
        statements: [
            "drop index uploads_expiring",
            "create index uploads_expiring on uploads (node, expires_at) where state = 'receiving'",
        ])
}
