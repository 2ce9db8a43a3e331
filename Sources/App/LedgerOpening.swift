package import Core
package import Ledger
import Platform

/// Opens the ledger that the settings name.
package struct LedgerOpening: Sendable {
    private let settings: Settings
    private let time: any TimeSource
    /// Of a server; one process needs more than one only where it serves.
    package var connections = 8
    /// How long a server that is away is waited for.
    package var patience = Duration.zero
    /// Told why it waits, once a reason.
    package var waiting: @Sendable (String) -> Void = { _ in }
    /// Asked between two tries: nobody wants the ledger any more.
    package var isUnwanted: @Sendable () -> Bool = { false }

    package init(_ settings: Settings, time: any TimeSource = SystemTime()) {
        self.settings = settings
        self.time = time
    }

    /// A `SettingsFailure` is final: what the server says no to is not asked again. Anything else that is passing is tried
    /// until `patience` is over.
    package func open() async throws -> any LedgerStore {
        guard let url = settings.ledger else {
            return try SQLiteLedger(.init(path: Self.file(settings)), time: time)
        }
        let configuration = try postgres(url)
        let lane = try Lane(name: "ledger-open")
        let end = ContinuousClock.now + patience
        var pause = Duration.milliseconds(250)
        var told: String?
        while true {
            do {
                let time = time
                return try await lane.run { try PostgresLedger(configuration, time: time) }
            } catch let failure as LedgerFailure {
                if failure.kind == .refused { throw Self.fault(failure) }
                guard failure.isPassing, ContinuousClock.now < end else { throw failure }
                if told != failure.message { waiting(failure.message) }
                told = failure.message
            }
            try await time.sleep(for: pause)
            if isUnwanted() { throw CancellationError() }
            pause = min(pause * 2, .seconds(2))
        }
    }

    /// What opening it would change in its schema, oldest first. Nothing is made or changed.
    package func plan() async throws -> [Migration] {
        let lane = try Lane(name: "ledger-plan")
        guard let url = settings.ledger else {
            let file = Self.file(settings)
            return try await lane.run { try SQLiteLedger.plan(.init(path: file)) }
        }
        let configuration = try postgres(url)
        do {
            return try await lane.run { try PostgresLedger.plan(configuration) }
        } catch let failure as LedgerFailure where failure.kind == .refused {
            throw Self.fault(failure)
        }
    }

    private func postgres(_ url: Secret) throws -> PostgresLedger.Configuration {
        var configuration = PostgresLedger.Configuration(address: try PostgresAddress(url.text))
        configuration.connections = connections
        return configuration
    }

    static func file(_ settings: Settings) -> String { settings.data + "/ledger.sqlite" }

    private static func fault(_ failure: LedgerFailure) -> SettingsFailure {
        SettingsFailure([
            .init(
                "SLUICE_LEDGER", "<redacted>", why: failure.message,
                remedy: "correct the address, or the server's users and databases")
        ])
    }
}
