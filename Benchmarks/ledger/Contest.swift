import Core
import Glibc
import Ledger

/// One side of the ledger's contest: does so many calls on a ledger and prints how long they took, as one line of JSON.
@main
struct Contest {
    let ledger: any LedgerStore
    let node = NodeID(checked: "node_1")
    let tenant = TenantID(checked: "a")

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 2 else {
            print("ledger-contest LEDGER fill|single|batch|group|pages [NUMBER] [SIZE]")
            exit(2)
        }
        let numbers = arguments.dropFirst(2).compactMap { Int($0) }
        let (count, size) = (numbers.first ?? 1000, numbers.dropFirst().first ?? 50)
        let contest = Contest(ledger: try open(arguments[0]))
        switch arguments[1] {
        case "fill": try await contest.fill(count)
        case "single": contest.tell(count, try await contest.rounds(count, of: 1))
        case "batch": contest.tell(count / size * size, try await contest.rounds(count / size, of: size))
        case "group": contest.tell(count / size * size, try await contest.group(count, clients: size))
        case "pages": try await contest.pages(count)
        default: exit(2)
        }
        await contest.ledger.close()
    }

    private static func open(_ address: String) throws -> any LedgerStore {
        guard address.hasPrefix("postgres") else { return try SQLiteLedger(.init(path: address)) }
        var configuration = PostgresLedger.Configuration(address: try PostgresAddress(address))
        // As many as the peer has.
        configuration.connections = 1
        return try PostgresLedger(configuration)
    }

    private func tell(_ count: Int, _ took: (time: Duration, processor: Double)) {
        print(#"{"count":\#(count),"seconds":\#(took.time / .seconds(1)),"processor":\#(took.processor)}"#)
    }

    /// How long it took, and how much of it was this process's own work.
    private func measure(_ body: () async throws -> Void) async throws -> (time: Duration, processor: Double) {
        let before = Self.processor
        let time = try await ContinuousClock().measure(body)
        return (time, Self.processor - before)
    }

    private static var processor: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private func fill(_ count: Int) async throws {
        for start in stride(from: 0, to: count, by: 500) {
            let tenant = tenant
            try await ledger.write("fill") { tx in
                for _ in start..<min(start + 500, count) {
                    try tx.jobs.enqueue(
                        NewJob(kind: "contest", queue: .finish, tenant: tenant, payload: ["upload": "up_1"]))
                }
            }
        }
    }

    /// A claim and the settlement of what it brought, each a transaction of its own that is durable before the next begins.
    private func rounds(_ count: Int, of size: Int) async throws -> (time: Duration, processor: Double) {
        var turns = QueueTurns()
        let room = Dictionary(uniqueKeysWithValues: Queue.allCases.map { ($0, size) })
        let claim = Claim(node: node, boot: "boot_1", room: room, limit: size, lease: .seconds(60))
        func round() async throws {
            let before = turns
            let (jobs, after) = try await ledger.write("claim") { try $0.jobs.claim(claim, turns: before) }
            turns = after
            guard jobs.count == size else { throw LedgerFailure(.program, "\(jobs.count) jobs of \(size)") }
            let settled = try await ledger.write("settle") { try $0.jobs.settle(jobs.map(\.lease)) }
            guard settled.count == size else { throw LedgerFailure(.program, "\(settled.count) settled of \(size)") }
        }
        // The first one prepares the statements.
        try await round()
        return try await measure { for _ in 0..<count { try await round() } }
    }

    /// Many who each want one small thing kept, durable before they go on.
    private func group(_ count: Int, clients: Int) async throws -> (time: Duration, processor: Double) {
        let ledger = ledger
        return try await measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<clients {
                    group.addTask {
                        for number in 0..<count / clients {
                            try await ledger.write("set") { try $0.settings.set("client-\(client)", "\(number)") }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
