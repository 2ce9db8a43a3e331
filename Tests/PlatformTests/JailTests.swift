import Platform
import TestSupport
import Testing

/// The built jail around the machine's real programs.
@Suite(.timeLimit(.minutes(5))) struct JailTests {
    private static let ffmpeg = "/usr/bin/ffmpeg"
    private static let ffprobe = "/usr/bin/ffprobe"
    private let jail: Jail

    init() throws { jail = Jail(launcher: try Jail.beside("sluice-jail")) }

    private struct Outcome {
        let end: ProcessEnd
        let output: [UInt8]
        let error: String
    }

    private func run(_ spec: ProcessSpec, input: [UInt8] = []) async throws -> Outcome {
        Signals.ignorePipe()
        var spec = spec
        spec.input = .pipe
        spec.output = .pipe
        let child = try ChildProcess.spawn(spec)
        let output = try pump(input, through: child)
        return Outcome(end: await child.wait(deadline: Tool.patience), output: output, error: child.errorText)
    }

    /// Both ends of the pipes are served by turns, as the encoder does it.
    private func pump(_ input: [UInt8], through child: ChildProcess) throws -> [UInt8] {
        let outlet = SharedDescriptor(try taken(child.takeOutput()))
        var inlet: SharedDescriptor? = SharedDescriptor(try taken(child.takeInput()))
        var written = 0
        var output: [UInt8] = []
        var set = PollSet()
        while true {
            if written == input.count { inlet = nil }
            set.removeAll()
            set.add(outlet.raw, .read)
            if let inlet { set.add(inlet.raw, .write) }
            _ = try set.wait(until: .after(Tool.patience))
            if let inlet { written += try fed(inlet, input, from: written) }
            switch try outlet.descriptor.readAvailable(upTo: 1 << 20) {
            case .bytes(let bytes): output += bytes
            case .end: return output
            case .wouldBlock: break
            }
        }
    }

    /// A program that reads no more has had enough.
    private func fed(_ inlet: SharedDescriptor, _ input: [UInt8], from start: Int) throws -> Int {
        do throws(Errno) {
            return try inlet.descriptor.writeAvailable(input, from: start) ?? 0
        } catch {
            guard error == .brokenPipe else { throw error }
            return input.count - start
        }
    }

    private func inside(
        read: [String] = [], write: [String] = [], memory: Int64 = 2 << 30, _ program: String, _ arguments: [String]
    ) -> ProcessSpec {
        jail.command(read: read, write: write, seconds: 30, memory: memory, program: program, arguments: arguments)
    }

    private static let quiet = ["-v", "error", "-nostdin", "-filter_threads", "1", "-threads", "1"]

    /// One second of a quiet stereo ramp, as the encoders get it.
    private static let samples: [UInt8] = (0..<48_000).flatMap { index in
        let bits = (Float(index % 480) / 960).bitPattern
        let sample = [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: bits >> $0) }
        return sample + sample
    }

    private func encoded(_ arguments: [String]) async throws -> Outcome {
        let shape = ["-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "pipe:0", "-threads", "1"]
        return try await run(inside(Self.ffmpeg, Self.quiet + shape + arguments + ["pipe:1"]), input: Self.samples)
    }

    @Test func `the jail proves itself, and ffmpeg and ffprobe work inside`() async throws {
        for program in [Self.ffmpeg, Self.ffprobe] {
            let proof = try await jail.prove(program: program)
            #expect(proof.landlockVersion >= 1)
            #expect(proof.stopped == ["socket", "process", "exec", "read", "write", "orphan", "signal"])
        }
    }

    @Test(arguments: ["socket", "exec", "read", "write", "process", "code", "mode", "orphan", "signal"])
    func `the scanner's jail stops what a scan never does`(attempt: String) async throws {
        let outcome = try await run(ProcessSpec(program: jail.launcher, arguments: ["--self-test", "scan-" + attempt]))
        #expect(outcome.end == .exited(0), "\(outcome.error)")
    }

    @Test func `a jail without its launcher or its program is a failure with a name`() async throws {
        await #expect { try await Jail(launcher: "/no/such/jail").prove(program: Self.ffmpeg) } throws: { error in
            (error as? JailFailure)?.kind == .missing
        }
        let jail = self.jail
        await #expect { try await jail.prove(program: "/no/such/program") } throws: { error in
            let failure = error as? JailFailure
            return failure?.kind == .unusable && failure?.message.contains("cannot grant /no/such/program") == true
        }
    }

    @Test(arguments: ["flac", "mp3"])
    func `ffmpeg encodes, decodes and is probed through pipes alone`(format: String) async throws {
        let file = try await encoded(["-f", format])
        #expect(file.end == .exited(0), "\(file.error)")
        let decoded = try await run(
            inside(
                Self.ffmpeg,
                Self.quiet + ["-xerror", "-f", format, "-i", "pipe:0", "-map", "0:a:0", "-f", "f32le", "pipe:1"]),
            input: file.output)
        #expect(decoded.end == .exited(0), "\(decoded.error)")
        #expect(decoded.output.count >= Self.samples.count)
        let probed = try await run(
            inside(
                Self.ffprobe,
                ["-v", "error", "-threads", "1", "-f", format, "-i", "pipe:0", "-show_entries", "stream=codec_name"]),
            input: file.output)
        #expect(probed.end == .exited(0), "\(probed.error)")
        #expect(String(decoding: probed.output, as: UTF8.self).contains("codec_name=\(format)"))
    }

    @Test func `ffmpeg makes fragments of AAC`() async throws {
        let flags = "+empty_moov+default_base_moof+frag_every_frame+delay_moov+skip_trailer"
        let file = try await encoded(["-c:a", "aac", "-b:a", "128k", "-movflags", flags, "-f", "mp4"])
        #expect(file.end == .exited(0), "\(file.error)")
        #expect(file.output[4..<8].elementsEqual("ftyp".utf8))
    }

    @Test func `a socket ends ffmpeg`() async throws {
        let outcome = try await run(inside(Self.ffmpeg, Self.quiet + ["-i", "tcp://127.0.0.1:9", "-f", "null", "-"]))
        #expect(outcome.end == .signalled(31), "SIGSYS, and not \(outcome.end): \(outcome.error)")
    }

    @Test func `only what is granted is read, and only there is written`() async throws {
        let folder = "/tmp/jail-\(UInt64.random(in: 0 ... .max))"
        try Files.makeFolder(folder + "/out")
        defer { do { try Files.removeTree(folder) } catch { Issue.record(error) } }
        try Files.writeAtomically(Array("granted".utf8), to: folder + "/in")
        let cat = "/bin/cat"
        let refused = try await run(inside(cat, [folder + "/in"]))
        #expect(refused.end == .exited(1) && refused.output.isEmpty)
        #expect(refused.error.contains("Permission denied"))
        let granted = try await run(inside(read: [folder + "/in"], cat, [folder + "/in"]))
        #expect(granted.output == Array("granted".utf8), "\(granted.error)")

        let tee = "/usr/bin/tee"
        let outside = try await run(inside(write: [folder + "/out"], tee, [folder + "/new"]), input: [65])
        #expect(outside.end == .exited(1))
        #expect(!Files.exists(folder + "/new"))
        let there = try await run(inside(write: [folder + "/out"], tee, [folder + "/out/new"]), input: [65])
        #expect(there.end == .exited(0), "\(there.error)")
        #expect(try Files.readWhole(folder + "/out/new", limit: 9) == [65])
    }

    @Test func `no other program is executed`() async throws {
        let outcome = try await run(inside("/usr/bin/env", ["/bin/echo", "escaped"]))
        #expect(outcome.output.isEmpty)
        #expect(outcome.error.contains("Permission denied"))
    }

    @Test func `limits hold: memory, processor, and the jail's own exit codes`() async throws {
        let starved = try await run(inside(memory: 20 << 20, Self.ffmpeg, ["-version"]))
        #expect(starved.end != .exited(0))
        let spinning = jail.command(
            seconds: 1, memory: 1 << 30, program: "/usr/bin/sha256sum", arguments: ["/dev/zero"])
        // Not granted, so it ends by itself; granted, only the limit ends it.
        #expect(try await run(spinning).end == .exited(1))
        let granted = jail.command(
            read: ["/dev/zero"], seconds: 1, memory: 1 << 30, program: "/usr/bin/sha256sum", arguments: ["/dev/zero"])
        // SIGXCPU, and not the SIGKILL that the out-of-memory killer sends.
        #expect(try await run(granted).end == .signalled(24))
        let missing = try await run(inside(read: ["/no/such/file"], Self.ffmpeg, ["-version"]))
        #expect(missing.end == .exited(123))
        #expect(missing.error.contains("/no/such/file"))
    }

    @Test func `without a sandbox the program still has its limits`() async throws {
        let open = Jail(launcher: jail.launcher, isEnforced: false)
        let free = try await run(
            open.command(seconds: 5, memory: 1 << 30, program: "/bin/cat", arguments: ["/proc/self/limits"]))
        let lines = String(decoding: free.output, as: UTF8.self).split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("Max cpu time") && $0.contains(" 5 ") })
        #expect(lines.contains { $0.hasPrefix("Max core file size") && $0.contains(" 0 ") })
    }
}
