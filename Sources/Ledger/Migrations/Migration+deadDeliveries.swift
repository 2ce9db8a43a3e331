extension Migration {
    /// Dead deliveries are listed with the dead jobs; each keeps the start of its endpoint's last answer.
    static let deadDeliveries = Migration(
        number: 9, name: "dead deliveries", oldestProgram: ProgramVersion(0, 1, 0),
        statements: [
            "alter table deliveries add column last_answer text",
            "create index deliveries_dead on deliveries (created_at, id) where state = 'dead'",
            "create index deliveries_dead_of on deliveries (tenant, created_at, id) where state = 'dead'",
        ])
}
