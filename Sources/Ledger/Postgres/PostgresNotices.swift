import Platform
import Synchronization

/// Carries hints between nodes: LISTEN and NOTIFY on one connection of its own. Coalesced, because a NOTIFY a commit would
/// halve them; and hints only, so that a lost one costs a poll's delay. Safe from any thread; the connection belongs to
/// `loop`'s thread.
final class PostgresNotices: Sendable {
    private static let channel = "sluice_hints"
    /// Between two NOTIFYs.
    private static let pace = Duration.milliseconds(50)
    /// A server that says nothing for so long is asked whether it is still there.
    private static let silence = Duration.seconds(30)

    private struct State {
        var raised: Set<Hints.Kind> = []
        var isClosed = false
    }

    private let address: PostgresAddress
    private let hints: Hints
    private let signal: EventSignal
    private let state = Mutex(State())

    init(_ address: PostgresAddress, hints: Hints) throws(LedgerFailure) {
        self.address = address
        self.hints = hints
        do throws(Errno) { signal = try EventSignal() } catch {
            throw LedgerFailure(.unavailable, "No descriptor is left for the ledger: \(error).")
        }
    }

    /// Here at once, elsewhere soon.
    func raise(_ kinds: Set<Hints.Kind>) {
        guard !kinds.isEmpty else { return }
        for kind in kinds { hints.raise(kind) }
        let isNew = state.withLock { state in
            defer { state.raised.formUnion(kinds) }
            return !kinds.isSubset(of: state.raised)
        }
        if isNew { signal.raise() }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        signal.raise()
    }

    func loop(_ ends: ThreadEnds) -> @Sendable () -> Void {
        { [self] in
            var wait = Duration.milliseconds(100)
            var isFirst = true
            while !isClosed {
                if let connection = connected() {
                    wait = .milliseconds(100)
                    // What was told while nobody listened is not known.
                    if !isFirst { for kind in Hints.Kind.allCases { hints.raise(kind) } }
                    isFirst = false
                    listen(connection)
                }
                rest(wait)
                wait = min(wait * 2, .seconds(10))
            }
            ends.end()
        }
    }

    /// Why it cannot, the connections that carry transactions tell.
    private func connected() -> PostgresConnection? {
        do throws(LedgerFailure) {
            let connection = try PostgresConnection(
                address, shard: 0, patience: .seconds(5), statementLimit: .seconds(5))
            try connection.run("listen \(Self.channel)")
            return connection
        } catch {
            return nil
        }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Until the connection is lost or the ledger closed.
    private func listen(_ connection: PostgresConnection) {
        var next = Deadline.now
        while !isClosed {
            // What was raised while there was no connection is not raised anew.
            if state.withLock({ $0.raised.isEmpty }), !isSpoken(to: connection) { return }
            signal.lower()
            guard let told = connection.told() else { return }
            for kind in Hints.Kind.allCases where told.contains(kind.name) { hints.raise(kind) }
            guard !isClosed, state.withLock({ !$0.raised.isEmpty }) else { continue }
            rest(next.remaining)
            let raised = state.withLock { state in
                defer { state.raised = [] }
                return state.raised
            }
            next = .after(Self.pace)
            do throws(LedgerFailure) {
                for kind in raised { try connection.run("notify \(Self.channel), '\(kind.name)'") }
            } catch {
                state.withLock { $0.raised.formUnion(raised) }
                return
            }
        }
    }

    /// Waits until there is something to tell or to hear; false when the server turns out to be gone meanwhile.
    private func isSpoken(to connection: PostgresConnection) -> Bool {
        var set = PollSet()
        set.add(connection.socket, .read)
        set.add(signal.raw, .read)
        // A poll that fails has nothing to say of the socket; reading it does.
        guard let ready = try? set.wait(until: .after(Self.silence)), ready.isEmpty else { return true }
        do throws(LedgerFailure) { try connection.run("select 1") } catch { return false }
        return true
    }

    /// Ends early when the ledger is closed.
    private func rest(_ duration: Duration) {
        let end = Deadline.after(duration)
        while !isClosed, !end.isPast {
            // As above: what matters is looked at afterwards.
            _ = try? signal.wait(until: end)
            if !isClosed { signal.lower() }
        }
    }
}

extension Hints.Kind {
    fileprivate var name: String {
        switch self {
        case .jobs: "jobs"
        case .events: "events"
        case .media: "media"
        }
    }
}
