/// Scans files in jailed processes. Owned by App, which starts and stops it; safe to use from anywhere.
package final class ScanService: Sendable {
    private let configuration: ScanConfiguration?

    package init(_ configuration: ScanConfiguration) {
        self.configuration = configuration
    }

    private init() { configuration = nil }

    /// `SLUICE_SCAN=off`: every file is let through, and its evidence says that nobody looked.
    package static let disabled = ScanService()

    /// Loads the database and runs the canaries; throws where they fail.
    package func start() async throws(ScanFailure) -> EngineInfo {
        guard configuration == nil else { throw ScanFailure(.unavailable, "no scanner yet") }
        return .off
    }

    package func stop() async {}

    /// What is running now; nil while no scanner is up.
    package var info: EngineInfo? { configuration == nil ? .off : nil }

    /// `descriptor` must stay open until this returns.
    package func scan(descriptor: Int32, size: Int64) async throws(ScanFailure) -> Verdict {
        guard configuration == nil else { throw ScanFailure(.unavailable, "no scanner yet") }
        return .clean(Evidence(engine: "off", database: "off"))
    }
}
