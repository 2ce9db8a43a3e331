import Core

/// One of the readers: each body sees one snapshot and is done with it at once. A read is never upgraded to a write.
///
/// `@unchecked Sendable`: handed to its thread at start, and used there alone.
final class SQLiteReader: @unchecked Sendable {
    private let connection: SQLiteConnection
    private let time: any TimeSource

    init(_ connection: SQLiteConnection, time: any TimeSource) {
        self.connection = connection
        self.time = time
    }

    func loop(_ mailbox: Mailbox<LedgerRequest>, _ ends: ThreadEnds) -> @Sendable () -> Void {
        { [self] in
            while let requests = mailbox.take(upTo: 1) {
                for request in requests { answer(request) }
            }
            ends.end()
        }
    }

    private func answer(_ request: LedgerRequest) {
        do {
            try connection.run("begin")
            let one = request.run(Transaction(connection: connection, now: time.now))
            connection.attempt("rollback")
            one.answer(nil)
        } catch {
            request.refuse(error)
        }
    }
}
