import App
import Core

/// `queues`: what waits, and whether it may go on.
enum QueuesCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, valued: ["--url", "--key", "--tenant", "--data"], plain: ["--json"])
        switch flags.names.first ?? "list" {
        case "list": try await list(flags)
        case "pause": try await set(flags, "pause", "Paused")
        case "resume": try await set(flags, "resume", "Resumed")
        default:
            throw Complaint.usage("queues does not know what to do", "sluice queues list, pause QUEUE or resume QUEUE")
        }
        return 0
    }

    private static func list(_ flags: Flags) async throws {
        let server = try Server(flags)
        let path = Listing.path("/admin/queues", [("tenant", flags.value("--tenant"))])
        let rows = try await server.ask("list the queues", "GET", path)
        if flags.has("--json") { return Terminal.out(rows.text + "\n") }
        var table = Table("Queue", "Waiting", "Oldest", "Running", "Done", "Dead", "")
        for row in rows.array ?? [] {
            table.add(
                row.word("queue"), row.count("depth"), Listing.age(row["oldestAt"]?.string), row.count("running"),
                row.count("done"), row.count("dead"), row["paused"]?.bool == true ? "Paused" : "")
        }
        Terminal.out(table.text(width: Terminal.answerWidth))
    }

    private static func set(_ flags: Flags, _ verb: String, _ done: String) async throws {
        guard flags.names.count == 2, let queue = flags.names.last else {
            throw Complaint.usage("no queue is named", "sluice queues \(verb) QUEUE; their names: sluice queues")
        }
        let server = try Server(flags)
        let path = "/admin/queues/\(Listing.escaped(queue))/\(verb)"
        let answer = try await server.ask("\(verb) the queue \(queue)", "POST", path)
        Terminal.out(flags.has("--json") ? answer.text + "\n" : "\(done): \(queue).\n")
    }
}

/// `jobs`: the work itself, one by one.
enum JobsCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, valued: Listing.flags.union(["--state"]), plain: ["--json"])
        switch flags.names.first ?? "list" {
        case "list": try await Listing.show(flags, "/admin/jobs", empty: "Nothing waits.", .jobs)
        case "show": try await show(flags)
        case "cancel": try await cancel(flags)
        default: throw Complaint.usage("jobs does not know what to do", "sluice jobs list, show JOB or cancel JOB")
        }
        return 0
    }

    private static func show(_ flags: Flags) async throws {
        let id = try job(flags, "show")
        let row = try await Server(flags).ask("look at \(id)", "GET", "/admin/jobs/\(id)")
        if flags.has("--json") { return Terminal.out(row.text + "\n") }
        var text = "\(row.word("id"))  \(row.word("kind"))  \(row.word("queue"))  \(row.word("state"))\n"
        for (name, key) in [
            ("Tenant", "tenant"), ("Track", "trackId"), ("Upload", "uploadId"), ("Due", "runAt"),
            ("Created", "createdAt"), ("Finished", "finishedAt"), ("Request", "requestId"), ("Error", "error"),
        ] {
            guard let value = row[key]?.string else { continue }
            text += "  \(name)\(String(repeating: " ", count: 10 - name.count))\(value)\n"
        }
        text += "  Attempt   \(row.count("attempt")) of \(row.count("maximumAttempts"))\n"
        for attempt in row["attempts"]?.array ?? [] {
            text += "    \(attempt.word("at"))  \(attempt.word("node"))  \(attempt.word("error"))\n"
        }
        Terminal.out(text)
    }

    private static func cancel(_ flags: Flags) async throws {
        let id = try job(flags, "cancel")
        let row = try await Server(flags).ask("cancel \(id)", "POST", "/admin/jobs/\(id)/cancel")
        Terminal.out(flags.has("--json") ? row.text + "\n" : "Cancelled: \(id).\n")
    }

    static func job(_ flags: Flags, _ verb: String, of command: String = "jobs") throws -> JobID {
        guard flags.names.count == 2, let id = flags.names.last.flatMap({ JobID($0) }) else {
            throw Complaint.usage("no job is named", "sluice \(command) \(verb) JOB; their ids: sluice \(command) list")
        }
        return id
    }
}

/// `dead`: jobs and deliveries that were given up, with the reason; retry and replay put them back.
enum DeadCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, valued: Listing.flags, plain: ["--json", "--yes"])
        switch flags.names.first ?? "list" {
        case "list": try await Listing.show(flags, "/admin/dead", empty: "No dead letters.", .deadLetters)
        case "retry": try await retry(flags)
        case "replay": try await replay(flags)
        default: throw Complaint.usage("dead does not know what to do", "sluice dead list, retry ID or replay")
        }
        return 0
    }

    private static func retry(_ flags: Flags) async throws {
        let id = try JobsCommand.job(flags, "retry", of: "dead")
        let row = try await Server(flags).ask("retry \(id)", "POST", "/admin/dead/\(id)/retry")
        Terminal.out(flags.has("--json") ? row.text + "\n" : "Queued again: \(id).\n")
    }

    private static func replay(_ flags: Flags) async throws {
        let text = flags.value("--limit") ?? "500"
        guard let limit = Int64(text), (1...500).contains(limit) else {
            throw Complaint.usage("--limit is \(text)", "a whole number from 1 to 500")
        }
        let server = try Server(flags)
        let tenant = [("tenant", flags.value("--tenant"))]
        if !flags.has("--yes") {
            guard Terminal.inputIsTerminal else {
                throw Complaint.usage("replaying asks first, and nobody can answer here", "add --yes")
            }
            let queues = try await server.ask("count dead letters", "GET", Listing.path("/admin/queues", tenant))
            let dead = (queues.array ?? []).reduce(0) { $0 + ($1["dead"]?.integer ?? 0) }
            Terminal.error("\(dead) dead letters; \(min(dead, limit)) would be queued again. Go on? [y/N] ")
            guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
                Terminal.error("Nothing was changed.\n")
                return
            }
        }
        let answer = try await server.ask(
            "replay dead letters", "POST", Listing.path("/admin/dead/replay", tenant),
            body: ["limit": .integer(limit)])
        Terminal.out(
            flags.has("--json")
                ? answer.text + "\n"
                : "\(answer.count("replayed")) queued again, \(answer.count("remaining")) still dead.\n")
    }
}
