/// What the scanner is made of, as health, doctor and every evidence say it.
package struct EngineInfo: Sendable, Equatable {
    /// libclamav's version.
    package var engine: String
    /// The database's version; `test` where only the EICAR signature is loaded; `off` where nothing is scanned.
    package var database: String
    package var signatures: Int
    /// libclamav's functionality level.
    package var level: Int
    /// When the newest part of the database was built, in seconds since 1970; nil where it does not say.
    package var builtAt: Int64?

    package init(engine: String, database: String, signatures: Int, level: Int, builtAt: Int64? = nil) {
        self.engine = engine
        self.database = database
        self.signatures = signatures
        self.level = level
        self.builtAt = builtAt
    }

    package static let off = EngineInfo(engine: "off", database: "off", signatures: 0, level: 0)

    package var isTest: Bool { database == "test" }
}
