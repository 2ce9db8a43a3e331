/// What a verdict rests on: it is kept with the track, so that a later reader can tell what was really looked at.
package struct Evidence: Sendable, Equatable {
    /// libclamav's version; `off` where nothing was scanned.
    package var engine: String
    /// The database's version; `test` where only the EICAR signature was loaded.
    package var database: String
    /// What the engine says it went through, unpacked layers included.
    package var bytesScanned: Int64
    /// What was checked beside the scan itself, by name: `deflated-canary`, `coverage`, `raw-search`.
    package var witnesses: [String]
    package var milliseconds: Int64

    package init(
        engine: String, database: String, bytesScanned: Int64 = 0, witnesses: [String] = [], milliseconds: Int64 = 0
    ) {
        self.engine = engine
        self.database = database
        self.bytesScanned = bytesScanned
        self.witnesses = witnesses
        self.milliseconds = milliseconds
    }
}
