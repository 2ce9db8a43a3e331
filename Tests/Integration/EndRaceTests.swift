import Core
import Crypto
import Ledger
import Platform
import TestSupport
import Testing

/// Real requests that end one upload at the same time, against the release program: whatever was acknowledged as complete
/// becomes ready, and what was deleted leaves nothing.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct EndRaceTests {
    /// Sends pairs of requests over kept connections, both at once, and prints one line a round: id, track, both statuses.
    private static let racer = """
        import hashlib, http.client, json, sys, threading
        host, token, pair, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
        data = open(sys.argv[5], "rb").read()
        def ask(connection, method, path, body=None, **fields):
            fields = {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, path, body, {"Authorization": "Bearer " + token, **fields})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        def make(connection):
            if pair == "tus-delete":
                _, headers, _ = ask(connection, "POST", "/files", Tus_Resumable="1.0.0", Upload_Length=str(len(data)))
                return headers["X-Upload-Id"], headers["X-Track-Id"]
            body = json.dumps({"filename": "a.wav", "size": len(data)})
            made = json.loads(ask(connection, "POST", "/v1/uploads", body)[2])["data"]
            for index in range(made["chunkCount"]):
                size = made["chunkSize"]
                status = ask(connection, "PUT", f"/v1/uploads/{made['id']}/chunks/{index}", data[index*size:(index+1)*size])[0]
                assert status == 201, status
            return made["id"], made["trackId"]
        def first(connection, id):
            if pair == "tus-delete":
                return ask(connection, "PATCH", f"/files/{id}", data, Tus_Resumable="1.0.0", Upload_Offset="0",
                    Content_Type="application/offset+octet-stream")[0]
            return ask(connection, "POST", f"/v1/uploads/{id}/complete")[0]
        def second(connection, id):
            if pair == "complete-wrong":
                wrong = json.dumps({"sha256": hashlib.sha256(b"other").hexdigest()})
                return ask(connection, "POST", f"/v1/uploads/{id}/complete", wrong)[0]
            if pair == "tus-delete":
                return ask(connection, "DELETE", f"/files/{id}", Tus_Resumable="1.0.0")[0]
            return ask(connection, "DELETE", f"/v1/uploads/{id}")[0]
        connections = [http.client.HTTPConnection(host, timeout=60) for _ in range(2)]
        for _ in range(rounds):
            id, track = make(connections[0])
            barrier, statuses = threading.Barrier(2), [0, 0]
            def run(index, request):
                barrier.wait()
                statuses[index] = request(connections[index], id)
            threads = [threading.Thread(target=run, args=pair) for pair in enumerate([first, second])]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(id, track, *statuses)
        """

    private static func tone() -> [UInt8] {
        let samples = (0..<8_000).flatMap { index -> [UInt8] in
            let value = UInt16(bitPattern: Int16(index % 100 * 200 - 10_000))
            return [UInt8(value & 0xFF), UInt8(value >> 8)]
        }
        func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (8 * $0) & 0xFF) } }
        return Array("RIFF".utf8) + word(36 + samples.count) + Array("WAVEfmt ".utf8) + word(16) + [1, 0, 1, 0]
            + word(8_000) + word(16_000) + [2, 0, 16, 0] + Array("data".utf8) + word(samples.count) + samples
    }

    @Test(arguments: ["complete-wrong", "complete-delete", "tus-delete"])
    func `what was acknowledged as complete becomes ready, and what was deleted is gone`(_ pair: String) async throws {
        let settings = ["SLUICE_OPEN_UPLOADS": "0", "SLUICE_PROFILE": "aac", "SLUICE_SCAN": "off"]
        try await ServerProcess.with(settings) { server in
            try Files.writeAtomically(Self.tone(), to: server.data + "/tone.wav")
            let host = String(server.base.dropFirst("http://".count))
            let token = TestToken.access(secret: ServerProcess.secret)
            let result = try await Tool.run(
                "python3", ["-c", Self.racer, host, token, pair, "100", server.data + "/tone.wav"],
                limit: .seconds(240))
            #expect(result.end == .exited(0), "\(result.error)")
            let rounds = result.text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(rounds.count == 100)
            for round in rounds where round.count == 4 {
                try await expectTruth(pair, id: round[0], track: round[1], round[2], round[3], server)
            }
            try await Self.expectQuiet(server)
            let left = try Self.files(server.data + "/spool") + Self.files(server.data + "/staging")
            #expect(left.isEmpty, "\(left)")
        }
    }

    private func expectTruth(
        _ pair: String, id: String, track: String, _ first: String, _ second: String, _ server: ServerProcess
    ) async throws {
        let state = try await server.settled(track)["state"]?.string
        let upload = try await server.call("GET", "/v1/uploads/\(id)").data["state"]?.string
        let round: Comment = "\(pair) \(id): \(first) and \(second), \(upload ?? "") and \(state ?? "")"
        let isAcknowledged = ["202", "204"].contains(first)
        if pair == "complete-wrong" {
            #expect(second == "422", round)
            #expect(isAcknowledged ? state == "ready" : state == "failed" && upload == "failed", round)
        } else if second == "204" {
            // Deleted before its completion or after it.
            #expect(
                state == "deleted" && upload == "cancelled" && (isAcknowledged || ["409", "410"].contains(first)),
                round)
        } else {
            #expect(isAcknowledged && second == "409" && state == "ready", round)
        }
    }

    /// Every job came to its end, and none died.
    private static func expectQuiet(_ server: ServerProcess) async throws {
        let queues = try await server.ask("/admin/queues") { answer in
            answer.data.array?.allSatisfy { $0["depth"]?.integer == 0 && $0["running"]?.integer == 0 } ?? false
        }
        for queue in queues.data.array ?? [] { #expect(queue["dead"]?.integer == 0, "\(queue.text)") }
    }

    private static func files(_ path: String) throws -> [String] {
        guard Files.isFolder(path) else { return [path] }
        return try Files.list(path).flatMap { try files(path + "/" + $0) }
    }

    @Test(arguments: ["upload", "track"])
    func `what is deleted while it is encoded leaves no dead letter and no bytes`(_ what: String) async throws {
        let source = try await SampleAudio.file("song-24.flac")
        try await ServerProcess.with(["SLUICE_SCAN": "off"]) { server in
            let answer = try await server.call("POST", "/v1/uploads/simple?filename=a.flac", .file(source))
            let id = try #require(answer.data["id"]?.string)
            let track = try #require(answer.data["trackId"]?.string)
            _ = try await server.ask("/v1/tracks/\(track)") { $0.data["stage"]?.string == "encoding" }
            let place = what == "upload" ? "/v1/uploads/\(id)" : "/v1/tracks/\(track)"
            #expect(try await server.call("DELETE", place).status == 204)
            try await Self.expectQuiet(server)
            #expect(try await server.call("GET", "/v1/tracks/\(track)").data["state"]?.string == "deleted")
            let left = try ["spool", "staging", "blobs"].flatMap { try Self.files(server.data + "/" + $0) }
            #expect(left.isEmpty, "\(left)")
        }
    }
}
