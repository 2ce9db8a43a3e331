import App
import Core

/// One page of jobs, and the small words tables are made of.
enum Listing {
    static let flags: Set<String> = ["--queue", "--tenant", "--limit", "--page", "--url", "--key", "--data"]

    enum Kind { case jobs, deadLetters }

    static func show(_ flags: Flags, _ base: String, empty: String, _ kind: Kind) async throws {
        let names = ["state", "queue", "tenant", "limit", "page"]
        let path = path(base, names.map { ($0, flags.value("--\($0)")) })
        let rows = try await Server(flags).ask("list jobs", "GET", path)
        if flags.has("--json") { return Terminal.out(rows.text + "\n") }
        guard let items = rows.array, !items.isEmpty else { return Terminal.out(empty + "\n") }
        var table = Table(
            kind == .jobs ? "Job" : "Id", "Queue", kind == .jobs ? "State" : "Track", "Age", "Tries", "Error")
        for row in items {
            let answer = row["answer"]?["body"]?.string.map { ": " + $0 } ?? ""
            table.add(
                row.word("id"), row.word("queue"), row.word(kind == .jobs ? "state" : "trackId"),
                age(row["createdAt"]?.string), row.count("attempt"), row.word("error") + answer)
        }
        Terminal.out(table.text(width: Terminal.answerWidth))
    }

    static func path(_ base: String, _ query: [(String, String?)]) -> String {
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(escaped($0))" } }
        return pairs.isEmpty ? base : base + "?" + pairs.joined(separator: "&")
    }

    /// RFC 3986 §2.3: everything but the unreserved is percent-encoded.
    static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: String(UnicodeScalar(byte))
            default: "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }.joined()
    }

    /// `4 min`, of a moment the server told.
    static func age(_ text: String?) -> String {
        guard let text, let moment = Dates.rfc3339(text) else { return "-" }
        let seconds = max(0, SystemTime().now.seconds - moment.seconds)
        switch seconds {
        case ..<90: return "\(seconds) s"
        case ..<5400: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) d"
        }
    }
}

extension JSON {
    /// For people: nothing is a dash.
    func word(_ key: String) -> String { self[key]?.string ?? "-" }
    func count(_ key: String) -> String { self[key]?.integer.map { String($0) } ?? "-" }
}
