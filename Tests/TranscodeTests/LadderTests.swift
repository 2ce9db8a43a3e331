import Core
import Testing

@testable import Transcode

@Suite(.timeLimit(.minutes(5))) struct `A ladder` {
    private func info(_ codec: String, rate: Int, channels: Int = 2, bits: Int? = nil) throws -> MediaInfo {
        let stream: [(String, JSON)] = [
            ("codec_type", "audio"), ("codec_name", .string(codec)), ("sample_rate", .string(String(rate))),
            ("channels", .integer(Int64(channels))), ("bits_per_raw_sample", .optional(bits.map(String.init))),
        ]
        return try MediaInfo(probe: ["streams": .array([.object(stream)])], format: .flac)
    }

    private func shown(_ renditions: [Rendition]) -> [String] {
        renditions.map { "\($0.name) \($0.rate) \($0.channels) \($0.codecString)" }
    }

    @Test func `of a lossless source has three AAC renditions and FLAC`() throws {
        let renditions = Ladder.ladder.renditions(for: try info("flac", rate: 44_100, bits: 16))
        #expect(
            shown(renditions) == [
                "aac64 44100 2 mp4a.40.2", "aac128 44100 2 mp4a.40.2", "aac256 44100 2 mp4a.40.2", "flac 44100 2 fLaC",
            ])
    }

    @Test func `of a lossy source, and the profile aac, have no FLAC`() throws {
        #expect(
            Ladder.ladder.renditions(for: try info("mp3", rate: 44_100)).map(\.name) == ["aac64", "aac128", "aac256"])
        let lossless = try info("flac", rate: 48_000, bits: 24)
        #expect(Ladder.aac.renditions(for: lossless).map(\.name) == ["aac64", "aac128", "aac256"])
    }

    @Test(arguments: [
        (22_050, 22_050), (44_100, 44_100), (48_000, 48_000), (88_200, 44_100), (96_000, 48_000), (192_000, 48_000),
        (37_800, 32_000), (6_000, 8_000),
    ])
    func `encodes AAC at a rate that players accept`(_ rates: (source: Int, aac: Int)) throws {
        let renditions = Ladder.ladder.renditions(for: try info("flac", rate: rates.source, bits: 16))
        #expect(renditions[0].rate == rates.aac)
        #expect(renditions.last?.rate == rates.source)
    }

    @Test func `folds six channels to stereo for AAC and keeps them in FLAC`() throws {
        let renditions = Ladder.ladder.renditions(for: try info("flac", rate: 48_000, channels: 6, bits: 16))
        #expect(renditions.map(\.channels) == [2, 2, 2, 6])
    }

    @Test func `gives mono half the bits`() throws {
        let renditions = Ladder.ladder.renditions(for: try info("mp3", rate: 44_100, channels: 1))
        #expect(renditions.map(\.codec) == [.aac(32), .aac(64), .aac(128)])
        #expect(renditions.allSatisfy { $0.channels == 1 })
    }

    @Test func `cuts AAC and FLAC at the same moments`() {
        for (rate, grid) in [(44_100, 258), (48_000, 282)] {
            let aac = Rendition(name: "aac128", codec: .aac(128), rate: rate, channels: 2)
            let flac = Rendition(name: "flac", codec: .flac(bits: 16), rate: rate, channels: 2)
            #expect(aac.grid == grid)
            #expect(aac.grid * aac.frameLength == flac.grid * flac.frameLength)
        }
    }
}
