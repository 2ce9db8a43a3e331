import Core
import Platform
import Testing

@testable import Transcode

/// Programs that die. What a machine does to them says nothing about the file.
@Suite(.timeLimit(.minutes(10))) struct `A program that dies` {
    private let rig = `An encode`()

    private func kind(_ end: ProcessEnd) -> TranscodeFailure.Kind? { end.fault(of: "ffmpeg", saying: "")?.kind }

    @Test func `is in trouble when it was killed, its jail failed, or it was not loaded`() {
        for end in [ProcessEnd.signalled(9), .signalled(15), .signalled(2), .timedOut, .exited(127)] {
            #expect(kind(end) == .trouble, "\(end)")
        }
        for code in Jail.ownExitCodes { #expect(kind(.exited(code)) == .trouble) }
    }

    @Test func `has crashed when the signal is of its own making`() {
        for signal: Int32 in [4, 6, 7, 8, 11, 24, 31] { #expect(kind(.signalled(signal)) == .crashed, "\(signal)") }
        // ffmpeg catches SIGXCPU and exits.
        #expect(kind(.exited(255)) == .crashed)
    }

    @Test func `of its own decision is judged by what it wrote`() {
        for code: Int32 in [0, 1, 69] { #expect(kind(.exited(code)) == nil) }
    }

    @Test func `is the file's fault only after it happened again, and in trouble never`() {
        let times = TranscodeFailure.Kind.allCases.map { TranscodeFailure($0, "").timesUntilFinal }
        #expect(times == [2, 2, 1, 3, nil, nil])
    }

    /// Stands for ffmpeg and ffprobe: `cases` of a shell, by the arguments; what fits none goes to the real program.
    private func standIn(_ cases: String, in folder: String) throws -> FFmpeg {
        var paths: [String] = []
        for program in ["ffmpeg", "ffprobe"] {
            let path = "\(folder)/\(program)"
            let script = "#!/bin/sh\ncase \"\(program) $*\" in\n\(cases)\nesac\nexec /usr/bin/\(program) \"$@\"\n"
            try Files.writeAtomically(Array(script.utf8), to: path, mode: 0o700)
            paths.append(path)
        }
        let jail = Jail(launcher: `An encode`.jail.launcher, isEnforced: false)
        return FFmpeg(ffmpeg: paths[0], ffprobe: paths[1], jail: jail)
    }

    private func failure(_ cases: String) async throws -> TranscodeFailure? {
        try await rig.withFolder { folder in
            let bytes = try await rig.fixture("a.flac", ["-f", "lavfi", "-i", "sine=d=5", "-c:a", "flac"], in: folder)
            let programs = try standIn(cases, in: folder)
            return await #expect(throws: TranscodeFailure.self) {
                try await rig.encode(try rig.source(bytes, .flac), folder + "/out", with: programs)
            }
        }
    }

    @Test(arguments: [
        "ffprobe*) kill -9 $$;;", "*'-map 0:a:0'*) head -c 65536 /dev/zero; kill -9 $$;;", "*'-c:a aac'*) kill -9 $$;;",
        "*'-c:a aac'*) head -c 100000 >/dev/null; kill -9 $$;;",
    ])
    func `by kill -9 condemns no file, whichever it is`(cases: String) async throws {
        #expect(try await failure(cases)?.kind == .trouble)
    }

    @Test func `as an encoder that exits by itself rejects the sound`() async throws {
        let failure = try await failure("*'-c:a aac'*) echo nonsense >&2; exit 1;;")
        #expect(
            failure?.kind == .unsupported && failure?.message.contains("nonsense") == true, "\(failure?.message ?? "")")
    }

    @Test func `as a decoder that exits by itself finds the file corrupt`() async throws {
        #expect(try await failure("*'-map 0:a:0'*) head -c 65536 /dev/zero; exit 1;;")?.kind == .corrupt)
    }

    @Test(arguments: ["9223372036854775807", "1e308", "-1", "nan", "inf", "1e9"])
    func `by taking the server along is not possible with a number`(number: String) async throws {
        let streams = """
            {"codec_type":"audio","codec_name":"flac","sample_rate":"44100","channels":2,"time_base":"1/44100",
            "bits_per_raw_sample":"\(number)","bit_rate":"\(number)","duration":"\(number)","duration_ts":9223372036854775807}
            """
        let answer = #"{"streams":[\#(streams)],"format":{"duration":"\#(number)","bit_rate":"\#(number)"}}"#
        try await rig.withFolder { folder in
            let bytes = try await rig.fixture("a.flac", ["-f", "lavfi", "-i", "sine=d=5", "-ac", "2"], in: folder)
            let programs = try standIn("ffprobe*) cat <<'END'\n\(answer)\nEND\nexit 0;;", in: folder)
            let (info, encoding) = try await rig.encode(
                try rig.source(bytes, .flac), folder + "/out", with: programs)
            #expect(info.duration == nil && info.bits == nil && info.bitrate == nil && info.samples == nil)
            #expect(encoding.samples == 5 * 44_100)
        }
    }
}
