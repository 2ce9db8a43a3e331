import Core
import FoundationEssentials
import Platform
import TestSupport
import Testing

@testable import Transcode

/// The real ffmpeg in the real jail.
@Suite(.timeLimit(.minutes(10))) struct `An encode` {
    static let jail = Jail(
        launcher: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
            .appending(path: ".build/debug/sluice-jail").path)
    private let programs = FFmpeg(ffmpeg: "/usr/bin/ffmpeg", ffprobe: "/usr/bin/ffprobe", jail: jail)

    func fixture(_ name: String, _ arguments: [String], in folder: String) async throws -> [UInt8] {
        let path = folder + "/" + name
        let child = try ChildProcess.spawn(
            ProcessSpec(program: "/usr/bin/ffmpeg", arguments: ["-v", "error", "-y"] + arguments + [path]))
        #expect(await child.wait(deadline: Tool.patience) == .exited(0), "\(child.errorText)")
        return try Files.readWhole(path, limit: 64 << 20)
    }

    func source(_ bytes: [UInt8], _ format: AudioFormat) throws -> MediaSource {
        // A file with a place in a folder, as the spool's have: the jail can grant no other.
        let file = try FileDescriptor.unnamed(in: "/tmp")
        try file.write(bytes, at: 0)
        return MediaSource(file: SharedDescriptor(file), format: format, frontier: WholeFile(size: Int64(bytes.count)))
    }

    func encode(
        _ source: MediaSource, _ folder: String, longest: Duration = .seconds(600), with programs: FFmpeg? = nil
    ) async throws -> (MediaInfo, Encoding) {
        let programs = programs ?? self.programs
        let info = try await Prober(programs).probe(source)
        let encoding = try await Encoder(programs, longest: longest).encode(
            source, info: info, renditions: Ladder.ladder.renditions(for: info), into: folder)
        return (info, encoding)
    }

    func withFolder<T>(_ body: (String) async throws -> T) async throws -> T {
        let folder = "/tmp/sluice-transcode-\(randomBase62(10))"
        try Files.makeFolder(folder + "/out")
        do {
            let value = try await body(folder)
            try Files.removeTree(folder)
            return value
        } catch {
            try Files.removeTree(folder)
            throw error
        }
    }

    private static let music = "aevalsrc=0.3*sin(2*PI*440*t)+0.1*(random(0)-0.5)|0.3*sin(2*PI*554*t):s=%:d=13.37"

    @Test(arguments: [(44_100, "s16", AudioFormat.flac), (48_000, "s32", .flac), (44_100, "s16", .wav)])
    func `of a lossless source gives back its very sample count in every rendition`(
        _ kind: (rate: Int, sample: String, format: AudioFormat)
    ) async throws {
        try await withFolder { folder in
            let lavfi = Self.music.replacing("%", with: "\(kind.rate)")
            let codec = kind.format == .wav ? "pcm_s16le" : "flac"
            let bytes = try await fixture(
                "a.\(kind.format.rawValue)", ["-f", "lavfi", "-i", lavfi, "-sample_fmt", kind.sample, "-c:a", codec],
                in: folder)
            let (info, encoding) = try await encode(try source(bytes, kind.format), folder + "/out")
            let expected = Int64((13.37 * Double(kind.rate)).rounded())
            #expect(info.rate == kind.rate && info.channels == 2 && info.isLossless)
            #expect(encoding.samples == expected)
            #expect(encoding.renditions.map(\.name) == ["aac64", "aac128", "aac256", "flac"])
            for rendition in encoding.renditions {
                #expect(rendition.frames == expected, "\(rendition.name)")
                #expect(rendition.segments.reduce(0) { $0 + $1.samples } == expected, "\(rendition.name)")
                for file in rendition.files {
                    #expect(Files.exists("\(folder)/out/\(rendition.name)/\(file)"), "\(file)")
                }
            }
        }
    }

    @Test func `of a source that was cut off fails and says where`() async throws {
        try await withFolder { folder in
            let lavfi = Self.music.replacing("%", with: "44100")
            let whole = try await fixture("a.flac", ["-f", "lavfi", "-i", lavfi, "-c:a", "flac"], in: folder)
            let cut = Array(whole[..<(whole.count / 2)])
            let failure = await #expect(throws: TranscodeFailure.self) {
                try await encode(try source(cut, .flac), folder + "/out")
            }
            #expect(failure?.kind == .corrupt)
            #expect(failure?.message.hasPrefix("It breaks at 0:0") == true, "\(failure?.message ?? "")")
        }
    }

    @Test func `reads no playlist that is called an MP3`() async throws {
        try await withFolder { folder in
            let lavfi = Self.music.replacing("%", with: "44100")
            _ = try await fixture("secret.wav", ["-f", "lavfi", "-i", lavfi], in: folder)
            let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:14\n#EXTINF:13.37,\n\(folder)/secret.wav\n#EXT-X-ENDLIST\n"
            let failure = await #expect(throws: TranscodeFailure.self) {
                try await encode(try source(Array(playlist.utf8), .mp3), folder + "/out")
            }
            #expect(failure?.kind == .corrupt)
        }
    }

    @Test func `longer than the limit is refused`() async throws {
        try await withFolder { folder in
            let lavfi = Self.music.replacing("%", with: "44100")
            let bytes = try await fixture("a.flac", ["-f", "lavfi", "-i", lavfi, "-c:a", "flac"], in: folder)
            let failure = await #expect(throws: TranscodeFailure.self) {
                try await encode(try source(bytes, .flac), folder + "/out", longest: .seconds(10))
            }
            #expect(failure?.kind == .tooLong)
        }
    }

    @Test(arguments: [
        ("mp3", ["-c:a", "libmp3lame"], AudioFormat.mp3), ("ogg", ["-c:a", "libvorbis"], .ogg),
        ("opus", ["-c:a", "libopus"], .opus),
        ("m4a", ["-c:a", "aac"], .m4a), ("aac", ["-c:a", "aac"], .aac), ("webm", ["-c:a", "libopus"], .webm),
    ])
    func `of a lossy source is as long as the source, within a tenth of a second`(
        _ kind: (name: String, codec: [String], format: AudioFormat)
    ) async throws {
        try await withFolder { folder in
            let lavfi = Self.music.replacing("%", with: "48000")
            let bytes = try await fixture("a.\(kind.name)", ["-f", "lavfi", "-i", lavfi] + kind.codec, in: folder)
            let (info, encoding) = try await encode(try source(bytes, kind.format), folder + "/out")
            #expect(!info.isLossless && encoding.lossless.isEmpty)
            #expect(abs(encoding.duration - 13.37) < 0.1, "\(encoding.duration)")
        }
    }
}
