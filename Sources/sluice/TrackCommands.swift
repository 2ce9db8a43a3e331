import App
import Core

/// One word a state, for people.
enum StateWord {
    static func of(_ track: JSON) -> String {
        switch track["state"]?.string {
        case "ready": "Ready"
        case "failed": "Failed"
        case "quarantined": "Quarantined"
        case "deleted": "Deleted"
        default:
            switch track["stage"]?.string {
            case "uploading": "Sending"
            case "verifying": "Checking"
            case "scanning": "Scanning"
            default: "Preparing"
            }
        }
    }

    static func isFinal(_ track: JSON) -> Bool {
        ["ready", "failed", "quarantined", "deleted"].contains(track["state"]?.string ?? "")
    }
}

enum StatusCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, valued: ["--url", "--key"], plain: ["--watch", "--json"])
        guard let track = flags.names.first.flatMap({ TrackID($0) }) else {
            throw Complaint.usage("no track is named", "sluice status TRACK")
        }
        let server = try Server(flags)
        var last = ""
        while true {
            let row = try await server.ask("look at \(track)", "GET", "/v1/tracks/\(track)")
            let line = flags.has("--json") ? row.text : describe(row)
            if line != last { Terminal.out(line + "\n") }
            last = line
            guard flags.has("--watch"), !StateWord.isFinal(row) else { return row["state"]?.string == "failed" ? 1 : 0 }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private static func describe(_ row: JSON) -> String {
        var line = "\(row["id"]?.string ?? "")  \(StateWord.of(row))  \(row["title"]?.string ?? "")"
        if let progress = row["progress"]?.double, !StateWord.isFinal(row) {
            line += "  \(Int64(clamping: progress * 100)) %"
        }
        if let message = row["error"]?["message"]?.string { line += "  \(message)" }
        return line
    }
}

enum PlayURLCommand {
    static func run(_ arguments: [String]) async throws -> Int32 {
        let flags = try Flags(arguments, valued: ["--expires", "--url", "--key"], plain: ["--json"])
        guard let track = flags.names.first.flatMap({ TrackID($0) }) else {
            throw Complaint.usage("no track is named", "sluice play-url TRACK")
        }
        let url = try await link(
            to: track, expires: try flags.value("--expires").map(Home.duration), server: try Server(flags))
        Terminal.out((flags.has("--json") ? JSON.object([("url", .string(url))]).text : url) + "\n")
        return 0
    }

    static func link(to track: TrackID, expires: Duration?, server: Server) async throws -> String {
        let body = JSON.object(expires.map { [("expiresIn", .integer($0.components.seconds))] } ?? [])
        let answer = try await server.ask("make a link to \(track)", "POST", "/v1/tracks/\(track)/playback", body: body)
        let url = answer["url"]?.string ?? ""
        return url.hasPrefix("/") ? server.base + url : url
    }
}
