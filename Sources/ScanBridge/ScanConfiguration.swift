/// How files are scanned; one value, checked by whoever reads the settings.
package struct ScanConfiguration: Sendable {
    /// Path of the program `sluice-scan`.
    package var program: String
    /// A ClamAV database folder or file; nil loads the EICAR signature alone.
    package var database: String?
    /// How many files are scanned at once.
    package var workers: Int
    /// After this a file is unscannable; its process is killed at one and a half times it.
    package var deadline: Duration
    /// A folder of the scanner's own: what lies in it is removed at start.
    package var scratch: String
    /// Off only for machines whose kernel has no jail (`--unsafe-no-sandbox`).
    package var sandbox: Bool
    /// How long loading a database may take.
    package var startup: Duration
    /// How often the database is looked at for changes.
    package var lookEvery: Duration

    package init(
        program: String, database: String? = nil, workers: Int = 2, deadline: Duration = .seconds(120), scratch: String,
        sandbox: Bool = true, startup: Duration = .seconds(300), lookEvery: Duration = .seconds(5)
    ) {
        self.program = program
        self.database = database
        self.workers = workers
        self.deadline = deadline
        self.scratch = scratch
        self.sandbox = sandbox
        self.startup = startup
        self.lookEvery = lookEvery
    }
}
