import Core
import Platform
import TestSupport
import Testing

/// Good files on a machine that kills programs, and bad files on a good one.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct PoisonTests {
    /// Kills children of the server, and of its scanner, at random moments: `argv` is the server, the seed, how many,
    /// and a file whose existence ends it. What it killed is printed. Scans are spared after 15 s: a file is scanned for
    /// the third time after 17 s. No kind of program makes up more than a third.
    private static let killer = """
        import os, random, select, signal, sys, time
        server, kills = int(sys.argv[1]), int(sys.argv[3])
        random.seed(int(sys.argv[2]))
        def children(pid):
            found = []
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    found += [int(p) for p in open(f"/proc/{pid}/task/{task}/children").read().split()]
            except OSError:
                pass  # It ended meanwhile.
            return found
        def name(pid):
            try:
                return open(f"/proc/{pid}/comm").read().strip()
            except OSError:
                return ""
        start = time.monotonic()
        killed = {}
        while sum(killed.values()) < kills and not os.path.exists(sys.argv[4]):
            victims = []
            for pid in children(server):
                if name(pid) != "sluice-scan":
                    victims.append((pid, name(pid)))
                elif time.monotonic() < start + 15:
                    victims += [(child, "scan") for child in children(pid)] * 4
            victims = [one for one in victims if killed.get(one[1], 0) < kills // 3]
            if victims and random.random() < 0.3:
                pid, what = random.choice(victims)
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed[what] = killed.get(what, 0) + 1
                except ProcessLookupError:
                    pass
            select.select([], [], [], random.random() * 0.05)
        print(killed)
        """

    @Test func `thirty tracks whose programs are killed at random moments all become ready`() async throws {
        let source = try await SampleAudio.file("song.flac")
        try await ServerProcess.with(["SLUICE_OPEN_UPLOADS": "0", "SLUICE_ENCODERS": "4"]) { server in
            let pid = String(server.process.pid)
            let end = server.data + "/end-of-kills"
            async let killed = Tool.must("python3", ["-c", Self.killer, pid, "7", "50", end])
            var tracks: [String] = []
            for _ in 0..<30 { tracks.append(try await server.uploadSimple(source)) }
            for track in tracks {
                let state = try await server.settled(track)
                #expect(state["state"]?.string == "ready", "\(state.text)")
            }
            try Files.writeAtomically([], to: end)
            let text = try await killed.text
            #expect(text.contains("ffmpeg") && text.contains("ffprobe") && text.contains("scan"), "\(text)")
        }
    }

    /// Writes a WAV of two seconds: `argv` is the file, the format, the channels, the rate, the bits and a sample.
    private static let wav = """
        import struct, sys
        path, form, channels, rate, bits = sys.argv[1], *map(int, sys.argv[2:6])
        sample = struct.pack("<f", float(sys.argv[6])) if bits == 32 else b"\\x10\\x01"
        frame = channels * bits // 8
        data = sample * channels * 88200
        head = struct.pack("<HHIIHH", form, channels, rate, rate * frame % 2**32, frame, bits)
        open(path, "wb").write(b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16)
            + head + b"data" + struct.pack("<I", len(data)) + data)
        """

    /// The job that made or failed the track.
    private func job(of track: String, on server: ServerProcess) async throws -> JSON {
        let jobs = try await server.call("GET", "/admin/jobs?queue=finish&limit=100").data.array ?? []
        let job = try #require(jobs.first { $0["trackId"]?.string == track })
        let id = try #require(job["id"]?.string)
        return try await server.call("GET", "/admin/jobs/\(id)").data
    }

    @Test func `every poison file ends with a code after two attempts at most`() async throws {
        try await ServerProcess.with(["SLUICE_OPEN_UPLOADS": "0"]) { server in
            let folder = server.data + "/made"
            try Files.makeFolder(folder)
            let poison: [(name: String, arguments: [String], code: String?)] = [
                ("nan.wav", ["3", "2", "44100", "32", "nan"], nil), ("inf.wav", ["3", "2", "44100", "32", "inf"], nil),
                ("huge.wav", ["3", "1", "44100", "32", "1e30"], nil),
                ("channels.wav", ["1", "12", "44100", "16", "0"], "UNSUPPORTED_FORMAT"),
                ("rate.wav", ["1", "2", "2000000000", "16", "0"], "UNSUPPORTED_FORMAT"),
                ("slow.wav", ["1", "2", "1", "16", "0"], "DURATION_EXCEEDED"),
            ]
            var tracks: [(name: String, track: String, code: String?)] = []
            for one in poison {
                let path = "\(folder)/\(one.name)"
                try await Tool.must("python3", ["-c", Self.wav, path] + one.arguments)
                tracks.append((one.name, try await server.uploadSimple(path), one.code))
            }
            let truncated = try await SampleAudio.file("truncated.flac")
            tracks.append(("truncated.flac", try await server.uploadSimple(truncated), "CORRUPT_MEDIA"))
            for (name, track, code) in tracks {
                let state = try await server.settled(track)
                #expect(state["state"]?.string == (code == nil ? "ready" : "failed"), "\(name): \(state.text)")
                #expect(state["error"]?["code"]?.string == code, "\(name): \(state.text)")
                let attempt = try await job(of: track, on: server)["attempt"]?.integer ?? 0
                #expect((1...2).contains(attempt), "\(name): \(attempt) attempts")
            }
        }
    }

    @Test func `a file whose stream repeats a tag of its container keeps its metadata`() async throws {
        let source = try await SampleAudio.file("song.mka")
        try await ServerProcess.with { server in
            let state = try await server.settled(server.uploadSimple(source))
            #expect(state["metadata"]?["tags"]?["title"] == "Lake", "\(state.text)")
        }
    }
}
