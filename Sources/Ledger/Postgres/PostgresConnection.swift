import CPostgres
import Core
import Glibc
import Platform

/// One connection to a server, used by one thread, always in pipeline mode: what nobody waits for (the begin, changes that
/// nobody counts, the end of a read) travels with what somebody does wait for. Statements are prepared once and kept.
/// Every wait has a deadline; past it the connection is lost and never used again.
final class PostgresConnection: SQLConnection {
    private struct Command {
        let sql: String
        let values: [SQLValue]
        /// Asked so seldom, or so, that it is not prepared.
        var isPlain = false
    }

    private let handle: OpaquePointer
    private let patience: Duration
    private var statements: [String: String] = [:]
    private var lastStatement = 0
    /// Texts with lists of several lengths could grow the set; past this it starts again.
    private static let maximumStatements = 512
    private static let maximumTogether = 64
    /// To be sent with the next command that is waited for.
    private var waiting: [Command] = []
    /// Ends of pipelines that were sent and not read yet; they come before what is asked next.
    private var unread = 0
    private var isWriting = false

    let dialect = Dialect.postgres
    let shard: Int64
    var pendingHints: Set<Hints.Kind> = []
    /// Never to be used again.
    private(set) var isLost = false
    /// The server ended this transaction in favour of another one's: the body may run again.
    private(set) var hasRaced = false

    init(_ address: PostgresAddress, shard: Int64, patience: Duration, statementLimit: Duration) throws(LedgerFailure) {
        self.shard = shard
        self.patience = patience
        handle = try address.connect()
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            PQfinish(handle)
            throw LedgerFailure(.unavailable, "The connection cannot be used.")
        }
        // One plan for all values: the claim and the lists are written for it. What the server's settings say of durability
        // is not ours to weaken, but `off` would break what was promised.
        let milliseconds = statementLimit.milliseconds
        let settings = [
            "set plan_cache_mode = force_generic_plan", "set client_min_messages = warning",
            // A plan is made once, maybe while its table was empty; every query of ours has an index that stays right when
            // the table has a million rows. (And no query of ours is worth compiling, or spreading over workers.)
            "set enable_seqscan = off", "set enable_bitmapscan = off", "set jit = off",
            "set max_parallel_workers_per_gather = 0",
            "set statement_timeout = \(milliseconds)", "set lock_timeout = \(milliseconds / 2)",
            "set idle_in_transaction_session_timeout = \(milliseconds * 2)",
            "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'",
        ].map { Command(sql: $0, values: [], isPlain: true) }
        waiting = Array(settings.dropLast())
        _ = try exchange(settings.suffix(1))
    }

    deinit { PQfinish(handle) }

    var held: String { isWriting ? " for no key update" : "" }
    var heldUnlessTaken: String { isWriting ? " for no key update skip locked" : "" }

    func lock(_ name: String) throws(LedgerFailure) {
        guard isWriting else { return }
        try perform("select pg_advisory_xact_lock(hashtextextended($1, 0))", [.text(name)])
    }

    // MARK: Transactions

    func begin(writing: Bool) {
        (isWriting, hasRaced, pendingHints) = (writing, false, [])
        // What a write decides on, it holds by locks; a read wants one snapshot and takes none.
        let mode = writing ? "begin isolation level read committed" : "begin isolation level repeatable read read only"
        waiting.append(Command(sql: mode, values: []))
    }

    /// Durable when it returns. When it throws with `isLost`, nobody knows.
    func commit() throws(LedgerFailure) {
        isWriting = false
        if hasNotBegun, waiting.count == 1 { return waiting.removeAll() }
        let answer = try exchange(one: Command(sql: "commit", values: []))
        // A transaction in which something failed ends so, whoever looked away from the failure.
        guard answer.tag == "COMMIT" else {
            throw LedgerFailure(.program, "PostgreSQL undid what was to be committed.")
        }
    }

    /// Not even its begin was sent.
    private var hasNotBegun: Bool { waiting.first.map { $0.sql.hasPrefix("begin") } ?? false }

    /// Undone; nobody waits for the server to say so. Also how a read ends.
    func rollback() {
        isWriting = false
        let hadBegun = !hasNotBegun
        waiting.removeAll()
        guard hadBegun, !isLost else { return }
        do throws(LedgerFailure) {
            try send([Command(sql: "rollback", values: [], isPlain: true)])
            unread += 1
        } catch {
            isLost = true
        }
    }

    // MARK: Statements

    func query(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) -> [SQLRow] {
        try exchange(one: Command(sql: sql, values: values)).rows
    }

    func queries(_ questions: [SQLQuestion]) throws(LedgerFailure) -> [[SQLRow]] {
        var answers: [[SQLRow]] = []
        // As much at a time as both sides' buffers are sure to hold.
        for start in stride(from: 0, to: questions.count, by: Self.maximumTogether) {
            let some = questions[start..<min(start + Self.maximumTogether, questions.count)]
            answers += try exchange(some.map { Command(sql: $0.sql, values: $0.values) }).map(\.rows)
        }
        return answers
    }

    func execute(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) -> Int {
        try exchange(one: Command(sql: sql, values: values)).changed
    }

    func perform(_ sql: String, _ values: [SQLValue]) throws(LedgerFailure) {
        waiting.append(Command(sql: sql, values: values))
        if waiting.count >= Self.maximumTogether { _ = try exchange([Command(sql: "select 1", values: [])]) }
    }

    /// Of the schema's steps, several of which cannot be prepared.
    func run(_ sql: String) throws(LedgerFailure) {
        _ = try exchange([Command(sql: sql, values: [], isPlain: true)])
    }

    /// What has been asked so far, for whoever looks at the plans.
    var preparedTexts: [String] { Array(statements.keys) }

    // MARK: Notices

    var socket: Int32 { PQsocket(handle) }

    /// What others notified since; our own were known before. Nil when the connection is lost.
    func told() -> Set<String>? {
        guard PQconsumeInput(handle) == 1 else { return nil }
        var told: Set<String> = []
        while let notice = PQnotifies(handle) {
            if notice.pointee.be_pid != PQbackendPID(handle) { told.insert(String(cString: notice.pointee.extra)) }
            PQfreemem(notice)
        }
        return told
    }

    // MARK: The wire

    private func exchange(one command: Command) throws(LedgerFailure) -> PostgresAnswer {
        try exchange([command]).last ?? PostgresAnswer()
    }

    /// Sends what waits and `asked`, and reads the answers of `asked`. The first failure is thrown: the server skips what
    /// was sent after it.
    private func exchange(_ asked: [Command]) throws(LedgerFailure) -> [PostgresAnswer] {
        guard !isLost else { throw Self.lost("it was lost before") }
        let deadline = Deadline.after(patience)
        let commands = waiting + asked
        waiting = []
        let sent = try losing { () throws(LedgerFailure) in try send(commands) }
        var answers: [PostgresAnswer] = []
        var failure: LedgerFailure?
        try losing { () throws(LedgerFailure) in
            while unread > 0 {
                try skipToSync(deadline)
                unread -= 1
            }
            for one in sent {
                let (answer, fault) = try readAnswer(deadline)
                if case .command = one { answers.append(answer) }
                failure = failure ?? fault
            }
            try skipToSync(deadline)
        }
        guard let failure else { return answers.suffix(asked.count) }
        if failure.kind == .raced { hasRaced = true }
        // Whether these were still prepared is not known; they will be, under new names.
        for case .preparation(let text) in sent { statements[text] = nil }
        throw failure
    }

    /// What one answer will come for.
    private enum Sent {
        case command
        case preparation(String)
    }

    @discardableResult
    private func send(_ commands: [Command]) throws(LedgerFailure) -> [Sent] {
        var all: [Sent] = []
        if statements.count >= Self.maximumStatements {
            statements.removeAll()
            try check(PQsendQueryParams(handle, "deallocate all", 0, nil, nil, nil, nil, 0))
            all.append(.preparation("deallocate all"))
        }
        for command in commands {
            if command.isPlain {
                try check(PQsendQueryParams(handle, command.sql, 0, nil, nil, nil, nil, 0))
                all.append(.command)
                continue
            }
            let name = statements[command.sql] ?? "s\(lastStatement)"
            if statements[command.sql] == nil {
                try check(PQsendPrepare(handle, name, command.sql, 0, nil))
                statements[command.sql] = name
                lastStatement += 1
                all.append(.preparation(command.sql))
            }
            let sent = try PostgresParameters.with(command.values) { count, pointers in
                PQsendQueryPrepared(handle, name, count, pointers, nil, nil, 0)
            }
            try check(sent)
            all.append(.command)
        }
        try check(PQpipelineSync(handle))
        try flush(Deadline.after(patience))
        return all
    }

    private func flush(_ deadline: Deadline) throws(LedgerFailure) {
        while true {
            let left = PQflush(handle)
            if left == 0 { return }
            guard left == 1 else { throw Self.lost(message) }
            // The server may wait for us to read before it reads on.
            try wait([.read, .write], deadline)
            guard PQconsumeInput(handle) == 1 else { throw Self.lost(message) }
        }
    }

    private func next(_ deadline: Deadline) throws(LedgerFailure) -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            try wait([.read], deadline)
            guard PQconsumeInput(handle) == 1 else { throw Self.lost(message) }
        }
        return PQgetResult(handle)
    }

    private func readAnswer(_ deadline: Deadline) throws(LedgerFailure) -> (PostgresAnswer, LedgerFailure?) {
        guard let result = try next(deadline) else { throw Self.lost("it answered out of turn") }
        defer { PQclear(result) }
        // The end of one command's results.
        while let more = try next(deadline) { PQclear(more) }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK: return (PostgresAnswer(result), nil)
        case PGRES_PIPELINE_ABORTED: return (PostgresAnswer(), nil)
        default:
            let failure = LedgerFailure(postgres: result)
            if PQstatus(handle) == CONNECTION_BAD {
                throw failure.kind == .refused ? failure : Self.lost(failure.message)
            }
            return (PostgresAnswer(), failure)
        }
    }

    private func skipToSync(_ deadline: Deadline) throws(LedgerFailure) {
        while true {
            guard let result = try next(deadline) else {
                if PQstatus(handle) == CONNECTION_BAD { throw Self.lost(message) }
                continue
            }
            defer { PQclear(result) }
            if PQresultStatus(result) == PGRES_PIPELINE_SYNC { return }
            if PQstatus(handle) == CONNECTION_BAD { throw Self.lost(message) }
        }
    }

    private func wait(_ interest: PollSet.Interest, _ deadline: Deadline) throws(LedgerFailure) {
        var set = PollSet()
        set.add(PQsocket(handle), interest)
        do throws(Errno) {
            if try set.wait(until: deadline).isEmpty { throw Errno(code: ETIMEDOUT) }
        } catch {
            throw Self.lost(error == Errno(code: ETIMEDOUT) ? "it did not answer in time" : "\(error)")
        }
    }

    /// What fails between us and the server, and not in a statement, loses the connection.
    private func losing<T>(_ body: () throws(LedgerFailure) -> T) throws(LedgerFailure) -> T {
        do throws(LedgerFailure) { return try body() } catch {
            isLost = true
            throw error
        }
    }

    private func check(_ sent: Int32) throws(LedgerFailure) {
        if sent != 1 { throw Self.lost(message) }
    }

    private var message: String { PostgresAddress.oneLine(PQerrorMessage(handle)) }

    private static func lost(_ why: String) -> LedgerFailure {
        LedgerFailure(.unavailable, "The connection to PostgreSQL is gone: \(why).")
    }
}
