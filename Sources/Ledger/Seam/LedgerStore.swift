package import Core

/// Where state, jobs and outbox live. What one body writes is committed whole and durable before `write` answers, or not
/// at all; a body runs on a connection's own thread, so it must not wait for anything but its transaction.
package protocol LedgerStore: Sendable {
    /// `label` names the query in metrics. The body may be run again where a backend met a serialisation failure, so it
    /// has no effect but through its transaction.
    func write<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T

    /// A short look at one snapshot; writing in it fails.
    func read<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T

    /// Raised after commits. Hints only: whoever waits also polls.
    var hints: Hints { get }

    /// Waits for the writes that were accepted; later ones are refused.
    func close() async
}

/// One transaction, as the aggregates see it. Not `Sendable` on purpose: it is used on its connection's thread, inside
/// the body it was handed to, and nowhere else.
package struct Transaction {
    /// Read once a transaction, so that everything one body writes bears one time.
    package let now: Timestamp
    let connection: any SQLConnection

    init(connection: any SQLConnection, now: Timestamp) {
        self.connection = connection
        self.now = now
    }

    package var uploads: Uploads { Uploads(tx: self) }
    package var smallFiles: SmallFiles { SmallFiles(tx: self) }
    package var tracks: Tracks { Tracks(tx: self) }
    package var generations: Generations { Generations(tx: self) }
    package var jobs: Jobs { Jobs(tx: self) }
    package var queues: Queues { Queues(tx: self) }
    package var outbox: Outbox { Outbox(tx: self) }
    package var deliveries: Deliveries { Deliveries(tx: self) }
    package var deadLetters: DeadLetters { DeadLetters(tx: self) }
    package var circuits: Circuits { Circuits(tx: self) }
    package var tenants: Tenants { Tenants(tx: self) }
    package var keys: Keys { Keys(tx: self) }
    package var media: Media { Media(tx: self) }
    package var multiparts: Multiparts { Multiparts(tx: self) }
    package var quarantine: Quarantine { Quarantine(tx: self) }
    package var nodes: Nodes { Nodes(tx: self) }
    package var sessions: Sessions { Sessions(tx: self) }
    package var signInCodes: SignInCodes { SignInCodes(tx: self) }
    package var reservations: Reservations { Reservations(tx: self) }
    package var audit: Audit { Audit(tx: self) }
    package var settings: StoredSettings { StoredSettings(tx: self) }
    var counters: Counters { Counters(tx: self) }

    /// Raised once this transaction is committed, never when it is rolled back.
    func hint(_ kind: Hints.Kind) { connection.pendingHints.insert(kind) }
}
