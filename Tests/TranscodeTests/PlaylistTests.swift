import Core
import TestSupport
import Testing

@testable import Transcode

@Suite(.timeLimit(.minutes(5))) struct `A playlist` {
    /// A line of the input is a rendition: its name, codec and rate, then `samples/bytes` for each segment.
    private static func renditions(_ input: String) throws -> [EncodedRendition] {
        try input.split(separator: "\n").map { line in
            let words = line.split(separator: " ").map(String.init)
            let segments = try words.dropFirst(3).map { word in
                let numbers = word.split(separator: "/")
                return EncodedSegment(size: try #require(Int(numbers[1])), samples: try #require(Int64(numbers[0])))
            }
            return EncodedRendition(
                name: words[0], codec: words[1], isLossless: words[1] == "fLaC", rate: try #require(Int(words[2])),
                channels: 2, frames: segments.reduce(0) { $0 + $1.samples }, priming: 1024, segments: segments)
        }
    }

    @Test func `is as the golden files have it`() throws {
        let generation = try #require(GenerationID("gen_0000000000000000000000"))
        let files = try GoldenFile.all(in: "playlists")
        #expect(files.count >= 3)
        for file in files {
            let renditions = try Self.renditions(file.input)
            let all = [Playlists.top(renditions, generation: generation)] + renditions.map { Playlists.media($0) }
            try file.check(all.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n"))
        }
    }

    @Test func `has durations whose sum is the length, however many segments it has`() throws {
        let segments = [EncodedSegment](repeating: EncodedSegment(size: 1, samples: 264_192), count: 1_000)
        let rendition = EncodedRendition(
            name: "aac64", codec: "mp4a.40.2", isLossless: false, rate: 44_100, channels: 2, frames: 264_192_000,
            priming: 1024, segments: segments)
        let lines = String(decoding: Playlists.media(rendition), as: UTF8.self).split(separator: "\n")
        let microseconds = lines.filter { $0.hasPrefix("#EXTINF:") }.reduce(0) { sum, line in
            sum + (Int(line.dropFirst(8).filter(\.isNumber)) ?? 0)
        }
        #expect(microseconds == Int((264_192_000.0 * 1_000_000 / 44_100).rounded()))
    }
}
