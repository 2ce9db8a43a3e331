import Core

/// The one writer. It takes what waits, up to a bound, and commits it together; nobody is answered before the commit is
/// durable. Where a body fails, all run again, each under a savepoint of its own, so that one's failure undoes nothing of
/// the others: a savepoint copies every page it touches, and most groups need none.
///
/// `@unchecked Sendable`: handed to its thread at start, and used there alone.
final class SQLiteWriter: @unchecked Sendable {
    static let groupLimit = 256

    private let connection: SQLiteConnection
    private let time: any TimeSource
    private let hints: Hints

    init(_ connection: consuming SQLiteConnection, time: any TimeSource, hints: Hints) {
        self.connection = connection
        self.time = time
        self.hints = hints
    }

    func loop(_ mailbox: Mailbox<LedgerRequest>, _ ends: ThreadEnds) -> @Sendable () -> Void {
        { [self] in
            while let group = mailbox.take(upTo: Self.groupLimit) { commit(group) }
            // The log goes back into the file, so that a closed ledger is one file.
            connection.attempt("pragma wal_checkpoint(truncate)")
            ends.end()
        }
    }

    private func commit(_ group: [LedgerRequest], apart: Bool = false) {
        var ran: [LedgerRequest.Ran] = []
        var raised: Set<Hints.Kind> = []
        var fate: LedgerFailure?
        do throws(LedgerFailure) {
            try connection.run("begin immediate")
            for request in group {
                if apart { try connection.run("savepoint body") }
                connection.pendingHints = []
                let one = request.run(Transaction(connection: connection, now: time.now))
                if one.failure != nil, !apart, connection.isInTransaction {
                    try connection.run("rollback")
                    return group.count == 1 ? one.answer(nil) : commit(group, apart: true)
                }
                ran.append(one)
                if apart || one.failure != nil { try close(one) }
                if one.failure == nil { raised.formUnion(connection.pendingHints) }
            }
            try connection.run("commit")
        } catch {
            connection.attempt("rollback")
            fate = error
        }
        if fate?.kind == .full, group.count > 1 {
            // What is too large for the disk must not take its neighbours with it: each once more, alone.
            for request in group { commit([request]) }
            return
        }
        // Before the answers: who is answered may look at once.
        if fate == nil { for kind in raised { hints.raise(kind) } }
        for one in ran { one.answer(fate) }
        guard let fate else { return }
        for request in group.dropFirst(ran.count) { request.refuse(fate) }
    }

    /// Ends the body's savepoint; throws when the whole transaction is lost.
    private func close(_ one: LedgerRequest.Ran) throws(LedgerFailure) {
        guard let failure = one.failure else { return try connection.run("release body") }
        guard connection.isInTransaction else {
            // SQLite has rolled everything back by itself: a full disk, an error of the device.
            throw failure as? LedgerFailure ?? LedgerFailure(.unavailable, "\(failure)")
        }
        try connection.run("rollback to body")
        try connection.run("release body")
    }
}
