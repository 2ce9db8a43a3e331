package import Core
import Platform

/// What a server answered, as curl saw it: a client that is not ours judges the server.
package struct Answer: Sendable, CustomStringConvertible {
    package let status: Int
    package let fields: [(String, String)]
    package let body: [UInt8]

    package subscript(_ field: String) -> String? {
        fields.first { $0.0.lowercased() == field.lowercased() }?.1
    }

    package var text: String { String(decoding: body, as: UTF8.self) }
    /// Null for what is no JSON, so that an expectation on a member of it fails and shows the answer.
    package var json: JSON { (try? JSON.parse(body)) ?? .null }
    package var data: JSON { json["data"] ?? .null }
    package var code: String? { json["error"]?["code"]?.string }
    package var description: String { "\(status) \(text.prefix(300))" }
}

package enum RequestContent: Sendable {
    case none
    case json(JSON)
    case bytes([UInt8], type: String = "application/octet-stream")
    case file(String)
    /// multipart/form-data with one part, `file`.
    case form(file: String)
}

extension ServerProcess {
    package func call(
        _ method: String, _ path: String, _ content: RequestContent = .none, fields: [(String, String)] = [],
        token: String? = nil, isAnonymous: Bool = false
    ) async throws -> Answer {
        try await withTemporaryFolder { folder in
            let url = path.hasPrefix("http") ? path : base + path
            var arguments = ["-sS", "--http1.1", "-X", method, "-D", folder + "/head", "-o", folder + "/body"]
            if method == "HEAD" {
                arguments = ["-sS", "--http1.1", "-I", "-D", folder + "/head", "-o", folder + "/none"]
            }
            var fields = fields
            if !isAnonymous, !fields.contains(where: { $0.0 == "X-API-Key" }) {
                fields.append(("Authorization", "Bearer \(token ?? TestToken.access(secret: Self.secret))"))
            }
            switch content {
            case .none: break
            case .json(let json):
                fields.append(("Content-Type", "application/json"))
                try Files.writeAtomically(json.bytes, to: folder + "/sent")
                arguments += ["--data-binary", "@\(folder)/sent"]
            case .bytes(let bytes, let type):
                fields.append(("Content-Type", type))
                try Files.writeAtomically(bytes, to: folder + "/sent")
                arguments += ["--data-binary", "@\(folder)/sent"]
            case .file(let file):
                fields.append(("Content-Type", "application/octet-stream"))
                arguments += ["--data-binary", "@\(file)"]
            case .form(let file): arguments += ["-F", "file=@\(file)"]
            }
            for (name, value) in fields { arguments += ["-H", "\(name): \(value)"] }
            try await Tool.must("curl", arguments + [url])
            let head = String(decoding: try Files.readWhole(folder + "/head", limit: 65_536), as: UTF8.self)
            let body = Files.exists(folder + "/body") ? try Files.readWhole(folder + "/body", limit: 1 << 28) : []
            return try Self.answer(head: head, body: body)
        }
    }

    /// curl writes every head there was; the last one that is not interim counts.
    private static func answer(head: String, body: [UInt8]) throws -> Answer {
        let heads = head.split(separator: "\r\n\r\n").map { $0.split(separator: "\r\n") }
        guard let last = heads.last, let line = last.first,
            let status = Int(line.split(separator: " ").dropFirst().first ?? "")
        else { throw TestTrouble("no head in \(head)") }
        let fields = last.dropFirst().compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return (String(line[..<colon]), String(value))
        }
        return Answer(status: status, fields: fields, body: body)
    }

    /// Asks until the answer is what is waited for. Between two questions it waits on the server's own end, so that one that
    /// died ends the test at once.
    package func ask(_ path: String, until isEnough: (Answer) -> Bool) async throws -> Answer {
        for _ in 0..<2400 {
            let answer = try await call("GET", path)
            if isEnough(answer) { return answer }
            if try await hasEnded(within: .milliseconds(50)) {
                throw TestTrouble("the server ended while \(path) was waited for")
            }
        }
        throw TestTrouble("\(path) did not become what was waited for: \(try await call("GET", path))")
    }

    /// Waits for the server's end, at most so long.
    package func hasEnded(within limit: Duration) async throws -> Bool {
        let pidfd = process.pidfd
        return try await Lane(name: "test-wait").run { () throws(Errno) in
            var set = PollSet()
            set.add(pidfd, .read)
            return try !set.wait(until: .after(limit)).isEmpty
        }
    }

    /// The track once nothing more happens to it.
    package func settled(_ track: String) async throws -> JSON {
        let ends: Set = ["ready", "failed", "quarantined", "deleted"]
        return try await ask("/v1/tracks/\(track)") { ends.contains($0.data["state"]?.string ?? "") }.data
    }

    /// A whole file in one request; its track.
    package func uploadSimple(_ file: String) async throws -> String {
        let name = file.split(separator: "/").last.map(String.init) ?? "file"
        let answer = try await call("POST", "/v1/uploads/simple?filename=\(name)", .file(file))
        guard answer.status == 202, let track = answer.data["trackId"]?.string else {
            throw TestTrouble("the upload of \(name) was answered \(answer)")
        }
        return track
    }

    /// A link that plays.
    package func playback(_ track: String) async throws -> String {
        let answer = try await call("POST", "/v1/tracks/\(track)/playback", .json([:]))
        guard let url = answer.data["url"]?.string else { throw TestTrouble("no link in \(answer)") }
        return url
    }
}
