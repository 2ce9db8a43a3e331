package import Core

/// What is remembered of an endpoint's failures, so that a restart does not hammer one that is down. Who decides is the
/// sender; this is its memory.
package struct CircuitRow: Sendable, Equatable {
    package enum State: String, Sendable { case closed, open, halfOpen = "half_open" }

    package var endpoint: String
    package var state: State
    /// In a row.
    package var failures: Int
    /// When the next probe may go out; nil while closed.
    package var probeAt: Timestamp?
    /// The present wait, which doubles.
    package var wait: Duration

    package init(
        endpoint: String, state: State = .closed, failures: Int = 0, probeAt: Timestamp? = nil, wait: Duration = .zero
    ) {
        self.endpoint = endpoint
        self.state = state
        self.failures = failures
        self.probeAt = probeAt
        self.wait = wait
    }
}

package struct Circuits {
    let tx: Transaction

    /// A closed one where nothing is remembered.
    package func find(_ endpoint: String) throws -> CircuitRow {
        guard
            var row = try tx.connection.first(
                "select state, failures, probe_at, wait from circuits where endpoint = $1\(tx.connection.held)",
                [.text(endpoint)])
        else { return CircuitRow(endpoint: endpoint) }
        return CircuitRow(
            endpoint: endpoint, state: try row.state(), failures: try row.int(), probeAt: try row.optionalTime(),
            wait: .microseconds(try row.integer()))
    }

    package func set(_ row: CircuitRow) throws {
        _ = try tx.connection.execute(
            "insert into circuits (endpoint, state, failures, probe_at, wait) values (\(placeholders(5)))"
                + tx.connection.dialect.orUpdate("endpoint", ["state", "failures", "probe_at", "wait"]),
            [
                .text(row.endpoint), .state(row.state), .integer(row.failures), .time(row.probeAt),
                .integer(row.wait.microseconds),
            ])
    }
}
