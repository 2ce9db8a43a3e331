import Core
import Crypto
import HTTPClient
import Platform
import Synchronization

/// One file on its way: created or gone on with, every missing chunk sent, completed, waited for. Its bytes are read once,
/// in order, and hashed as they pass; what is held of them is a chunk for each taken place.
struct FileUpload: Sendable {
    let number: Int
    let path: String
    let server: Server
    let board: ProgressBoard
    /// Of all files together: a chunk in flight each.
    let places: Places
    let lane: Lane
    let waits: Bool

    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// What the server said of the upload that this file goes to.
    private struct Target {
        let id: String
        let track: TrackID
        let state: String
        let chunkSize: Int64
        let missing: Set<Int64>
    }

    func run() async throws -> UploadResult {
        let began = ContinuousClock.now
        let (file, stamp) = try open()
        let record = try UploadRecord(of: path, stamp: stamp, server: server.identity)
        let patience = Patience { wait in
            board.note(number, wait.map { "no answer, again in \(ProgressLine.time($0.inSeconds))" })
        }
        board.begin(number, name: name, size: stamp.size, present: 0)
        let target = try await target(size: stamp.size, record, patience)
        if target.state == "receiving" {
            do {
                let sha256 = try await send(file, stamp.size, to: target, patience)
                try mustBeUnchanged(file, stamp)
                _ = try await patience.ask {
                    try await server.ask(
                        "complete \(name)", "POST", "/v1/uploads/\(target.id)/complete",
                        body: ["sha256": .string(Hex.encode(sha256))])
                }
            } catch let complaint as Complaint {
                // What was refused for good is not gone on with.
                if complaint.isAnswer, !complaint.isPassing { record?.remove() }
                throw complaint
            }
        }
        let lastByte = ContinuousClock.now
        let result = try await outcome(of: target, began: began, lastByte: lastByte, patience)
        record?.remove()
        return result
    }

    private func open() throws -> (SharedDescriptor, FileStamp) {
        do {
            guard !Files.isFolder(path) else { throw Errno.invalid }
            let file = try FileDescriptor.reading(path)
            let stamp = try file.stamp()
            return (SharedDescriptor(file), stamp)
        } catch {
            throw Complaint("cannot send \(path)", why: "\(error)", remedy: "check the path", code: "INVALID_REQUEST")
        }
    }

    // MARK: Where it goes

    /// The upload that an earlier run began, as long as it still takes bytes or came through; else a new one.
    private func target(size: Int64, _ record: UploadRecord?, _ patience: Patience) async throws -> Target {
        if let earlier = record?.earlier, let id = earlier.id, let chunkSize = earlier.chunkSize, chunkSize > 0,
            let target = try await goOn(id, chunkSize, patience)
        {
            return target
        }
        if let id = record?.outdated {
            // The file has changed: what was sent of it is no use, and would only hold a place until it expires.
            _ = try? await server.ask("cancel the earlier upload", "DELETE", "/v1/uploads/\(id)")
        }
        // The same key as before only where no upload is known by it: a creation whose answer was lost.
        let key = record?.earlier.flatMap { $0.id == nil ? $0.key : nil } ?? randomBase62(22)
        // Unwritten, the upload goes on all the same, only not after an interruption.
        try? record?.write(.init(key: key, id: nil), of: path)
        let created = try await patience.ask {
            try await server.ask(
                "send \(name)", "POST", "/v1/uploads",
                body: ["filename": .string(name), "size": .integer(size)], [("Idempotency-Key", key)])
        }
        guard let id = created["id"]?.string, let track = created["trackId"]?.string.flatMap({ TrackID($0) }),
            let chunkSize = created["chunkSize"]?.integer, chunkSize > 0
        else { throw misunderstood }
        try? record?.write(.init(key: key, id: id, chunkSize: chunkSize), of: path)
        // A repeated creation may be of an upload that has bytes already.
        if record?.earlier != nil, let target = try await goOn(id, chunkSize, patience) { return target }
        return Target(
            id: id, track: track, state: "receiving", chunkSize: chunkSize,
            missing: Set(0..<Self.chunkCount(of: size, chunkSize)))
    }

    private static func chunkCount(of size: Int64, _ chunkSize: Int64) -> Int64 {
        size == 0 ? 0 : (size - 1) / chunkSize + 1
    }

    /// Nil where it is over without a result, or the server knows nothing of it.
    private func goOn(_ id: String, _ chunkSize: Int64, _ patience: Patience) async throws -> Target? {
        let row: JSON
        do {
            row = try await patience.ask { try await server.ask("look at \(name)", "GET", "/v1/uploads/\(id)") }
        } catch let complaint as Complaint where complaint.code == "NOT_FOUND" || complaint.code == "EXPIRED" {
            return nil
        }
        guard let state = row["state"]?.string, let track = row["trackId"]?.string.flatMap({ TrackID($0) }) else {
            throw misunderstood
        }
        if ["cancelled", "expired", "failed"].contains(state) { return nil }
        let missing = Set(row["missing"]?.array?.compactMap(\.integer) ?? [])
        return Target(id: id, track: track, state: state, chunkSize: chunkSize, missing: missing)
    }

    private var misunderstood: Complaint {
        Complaint(
            "cannot send \(name)", why: "the server's answer is not understood", remedy: "is it another version?")
    }

    // MARK: Its bytes

    /// The SHA-256 of the whole file.
    private func send(
        _ file: SharedDescriptor, _ size: Int64, to target: Target, _ patience: Patience
    ) async throws -> [UInt8] {
        let chunkSize = target.chunkSize
        let count = Self.chunkCount(of: size, chunkSize)
        func range(_ index: Int64) -> Range<Int64> { index * chunkSize..<min(size, (index + 1) * chunkSize) }
        let present =
            size - target.missing.filter { (0..<count).contains($0) }.reduce(0) { $0 + Int64(range($1).count) }
        board.begin(number, name: name, size: size, present: present)
        let tally = ChunkTally(present) { board.sent(number, $0) }
        var hash = SHA256()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count {
                let isMissing = target.missing.contains(index)
                if isMissing { try await places.take() }
                do {
                    let bytes: [UInt8]
                    (bytes, hash) = try await read(file, range(index), hash, keeping: isMissing)
                    guard isMissing else { continue }
                    group.addTask {
                        defer { places.giveBack() }
                        try await send(bytes, "/v1/uploads/\(target.id)/chunks/\(index)", index, tally, patience)
                    }
                } catch {
                    if isMissing { places.giveBack() }
                    throw error
                }
            }
            try await group.waitForAll()
        }
        return hash.finish()
    }

    /// On the lane: one file after another is read, so that the disk is not asked for everything at once.
    private func read(
        _ file: SharedDescriptor, _ range: Range<Int64>, _ hash: SHA256, keeping: Bool
    ) async throws -> ([UInt8], SHA256) {
        try await lane.run { () throws(Complaint) in
            var (kept, hash, at) = ([UInt8](), hash, range.lowerBound)
            if keeping { kept.reserveCapacity(Int(range.count)) }
            while at < range.upperBound {
                let piece: [UInt8]
                do {
                    piece = try file.descriptor.read(upTo: Int(min(1 << 20, range.upperBound - at)), at: at)
                } catch {
                    throw Complaint(
                        "cannot send \(name)", why: "the file cannot be read: \(error)", remedy: "check the disk",
                        code: "INVALID_REQUEST")
                }
                guard !piece.isEmpty else { throw changed }
                hash.update(piece)
                if keeping { kept += piece }
                at += Int64(piece.count)
            }
            return (kept, hash)
        }
    }

    private var changed: Complaint {
        Complaint(
            "cannot send \(name)", why: "the file changed while it was sent", remedy: "run the same line again",
            code: "DIGEST_MISMATCH")
    }

    private func mustBeUnchanged(_ file: SharedDescriptor, _ stamp: FileStamp) throws {
        guard let now = try? file.descriptor.stamp(), now == stamp else { throw changed }
    }

    /// A chunk that did not get through is sent again: it counts whole or not at all.
    private func send(
        _ bytes: [UInt8], _ path: String, _ index: Int64, _ tally: ChunkTally, _ patience: Patience
    ) async throws {
        _ = try await patience.ask {
            try await server.send(
                "send \(name)", "PUT", path, .bytes(bytes), [("Content-Type", "application/octet-stream")]
            ) { tally.sent(chunk: index, $0) }
        }
        tally.sent(chunk: index, Int64(bytes.count))
    }

    // MARK: What becomes of it

    private func outcome(
        of target: Target, began: ContinuousClock.Instant, lastByte: ContinuousClock.Instant, _ patience: Patience
    ) async throws -> UploadResult {
        var state = target.state == "receiving" ? "verifying" : target.state
        var (url, error): (String?, (String, String)?) = (nil, nil)
        if waits {
            let row = try await wait(for: target, patience)
            state = row["state"]?.string ?? state
            if state == "ready" {
                url = try await patience.ask {
                    try await PlayURLCommand.link(to: target.track, expires: nil, server: server)
                }
            }
            if let code = row["error"]?["code"]?.string { error = (code, row["error"]?["message"]?.string ?? "") }
        }
        return UploadResult(
            path: path, id: target.id, track: target.track, state: state, url: url, error: error, took: .now - began,
            sinceLastByte: .now - lastByte)
    }

    private func wait(for target: Target, _ patience: Patience) async throws -> JSON {
        var pause = Duration.milliseconds(50)
        while true {
            let row = try await patience.ask {
                try await server.ask("look at \(name)", "GET", "/v1/uploads/\(target.id)")
            }
            let state = row["state"]?.string ?? ""
            if ["ready", "failed", "quarantined", "cancelled", "expired", "stored"].contains(state) { return row }
            board.show(number, Self.words[state] ?? "Preparing", share: 0.99)
            try await Task.sleep(for: pause)
            pause = min(pause * 1.5, .seconds(1))
        }
    }

    private static let words = [
        "receiving": "Sending", "verifying": "Checking", "scanning": "Scanning", "processing": "Preparing",
    ]
}

/// How much of a file is there: what the server had, and of each chunk under way what was sent of it.
final class ChunkTally: Sendable {
    private let state: Mutex<(chunks: [Int64: Int64], total: Int64)>
    private let tell: @Sendable (Int64) -> Void

    init(_ present: Int64, tell: @escaping @Sendable (Int64) -> Void) {
        state = Mutex(([:], present))
        self.tell = tell
    }

    func sent(chunk: Int64, _ count: Int64) {
        let total = state.withLock { state in
            state.total += count - (state.chunks.updateValue(count, forKey: chunk) ?? 0)
            return state.total
        }
        tell(total)
    }
}
