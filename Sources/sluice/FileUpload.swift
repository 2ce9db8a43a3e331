import Core
import HTTPClient
import Platform

/// One file on its way: created, every chunk sent, completed, waited for.
struct FileUpload: Sendable {
    let path: String
    let server: Server
    let lanes: Int
    let progress: UploadProgress
    let waits: Bool

    func run() async throws -> UploadResult {
        let began = ContinuousClock.now
        let (file, size) = try open()
        let created = try await server.ask(
            "send \(progress.name)", "POST", "/v1/uploads",
            body: ["filename": .string(progress.name), "size": .integer(size)])
        guard let id = created["id"]?.string, let track = created["trackId"]?.string.flatMap({ TrackID($0) }),
            let chunkSize = created["chunkSize"]?.integer, let count = created["chunkCount"]?.integer, chunkSize > 0
        else {
            throw Complaint(
                "cannot send \(progress.name)", why: "the server's answer is not understood",
                remedy: "is it another version?")
        }
        progress.begin(size: size)
        try await sendChunks(file, size, id, chunkSize, count)
        let lastByte = ContinuousClock.now
        let completed = try await server.ask(
            "complete \(progress.name)", "POST", "/v1/uploads/\(id)/complete", body: .object([]))
        var state = completed["state"]?.string ?? "verifying"
        var (url, error): (String?, (String, String)?) = (nil, nil)
        if waits {
            let row = try await wait(for: track)
            state = row["state"]?.string ?? state
            if state == "ready" { url = try await PlayURLCommand.link(to: track, expires: nil, server: server) }
            if let code = row["error"]?["code"]?.string { error = (code, row["error"]?["message"]?.string ?? "") }
        }
        return UploadResult(
            id: id, track: track, state: state, url: url, error: error, took: .now - began,
            sinceLastByte: .now - lastByte)
    }

    private func open() throws -> (SharedDescriptor, Int64) {
        do {
            guard !Files.isFolder(path) else { throw Errno.invalid }
            let file = try FileDescriptor.reading(path)
            let size = try file.size()
            return (SharedDescriptor(file), size)
        } catch {
            throw Complaint("cannot send \(path)", why: "\(error)", remedy: "check the path", code: "INVALID_REQUEST")
        }
    }

    /// A chunk that did not get through is sent again a few times: it counts whole or not at all.
    private func sendChunks(_ file: SharedDescriptor, _ size: Int64, _ id: String, _ chunkSize: Int64, _ count: Int64)
        async throws
    {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count {
                if index >= lanes { try await group.next() }
                group.addTask {
                    let range = index * chunkSize..<min(size, (index + 1) * chunkSize)
                    try await send(file, range, "/v1/uploads/\(id)/chunks/\(index)", index)
                }
            }
            try await group.waitForAll()
        }
    }

    private func send(_ file: SharedDescriptor, _ range: Range<Int64>, _ path: String, _ index: Int64) async throws {
        let policy = RetryPolicy.doubling(from: .milliseconds(250), upTo: .seconds(8), tries: 6)
        var attempt = 1
        while true {
            do {
                _ = try await server.send(
                    "send \(progress.name)", "PUT", path, .file(file, range),
                    [("Content-Type", "application/octet-stream")]
                ) { progress.sent(chunk: index, $0) }
                progress.sent(chunk: index, Int64(range.count))
                return
            } catch let complaint as Complaint {
                // What the server refused with a code of its own is final.
                guard complaint.code == "INTERNAL", let wait = policy.wait(after: attempt) else { throw complaint }
                attempt += 1
                try await Task.sleep(for: wait)
            }
        }
    }

    private func wait(for track: TrackID) async throws -> JSON {
        while true {
            let row = try await server.ask("look at \(track)", "GET", "/v1/tracks/\(track)")
            if StateWord.isFinal(row) { return row }
            progress.show(StateWord.of(row), share: row["progress"]?.double ?? 0)
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
