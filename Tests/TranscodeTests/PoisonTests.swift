import Core
import Platform
import Testing

@testable import Transcode

/// Files that are well-formed and that ffmpeg alone chokes on.
extension `An encode` {
    private func little(_ value: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func wav(
        _ data: [UInt8], float: Bool = false, channels: Int = 2, size: Int? = nil, before: [UInt8] = [],
        name: String = "RIFF"
    ) -> [UInt8] {
        let (rate, bits) = (44_100, float ? 32 : 16)
        let frame = channels * bits / 8
        let format =
            little(float ? 3 : 1, 2) + little(channels, 2) + little(rate, 4) + little(rate * frame, 4)
            + little(frame, 2) + little(bits, 2)
        return Array(name.utf8) + little(size ?? 36 + data.count, 4) + Array("WAVE".utf8) + before + Array("fmt ".utf8)
            + little(16, 4) + format + Array("data".utf8) + little(size ?? data.count, 4) + data
    }

    /// Two seconds and a little, so that no length is a multiple of what ffmpeg reads at once.
    private static let frames = 2 * 44_100 + 77
    private func sound(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 / 64 & 0x0F) } }

    @Test(arguments: [Float.nan, .infinity, 1e30])
    func `of floats that are no sound gives silence in their place`(value: Float) async throws {
        try await withFolder { folder in
            let half = [Float](repeating: 0.25, count: Self.frames)
            let samples = half + [Float](repeating: value, count: 2000) + half
            let bytes = samples.flatMap { little(Int($0.bitPattern), 4) }
            let (_, encoding) = try await encode(try source(wav(bytes, float: true), .wav), folder + "/out")
            #expect(encoding.samples == Int64(samples.count / 2))
            #expect(encoding.renditions.count == 4)
        }
    }

    @Test(arguments: [0xFFFF_FFFF, 0xFFFF_FFF0, 0x7FFF_F000])
    func `of a WAV that was streamed reads it to its end`(size: Int) async throws {
        try await withFolder { folder in
            let bytes = wav(sound(4 * Self.frames), size: size)
            let (_, encoding) = try await encode(try source(bytes, .wav), folder + "/out")
            #expect(encoding.samples == Int64(Self.frames))
            // Cut in the middle of a sample: what is whole is heard.
            let cut = Array(bytes.dropLast(3))
            let (_, shorter) = try await encode(try source(cut, .wav), folder + "/cut")
            #expect(shorter.samples == Int64(Self.frames - 1))
        }
    }

    @Test(arguments: [(-1, 0), (0xFFFF_FFFF, 0), (0, 0), (-1, -1)])
    func `of an RF64 whose length was never filled in reads it to its end`(size: Int, count: Int) async throws {
        try await withFolder { folder in
            let ds64 =
                Array("ds64".utf8) + little(28, 4) + little(-1, 8) + little(size, 8) + little(count, 8) + little(0, 4)
            let bytes = wav(sound(4 * Self.frames), size: 0xFFFF_FFFF, before: ds64, name: "RF64")
            let (_, encoding) = try await encode(try source(bytes, .wav), folder + "/out")
            #expect(encoding.samples == Int64(Self.frames))
        }
    }

    @Test func `of a CAF without a length reads it to its end`() async throws {
        try await withFolder { folder in
            var bytes = try await fixture(
                "a.caf", ["-f", "lavfi", "-i", "sine=d=2.123:r=44100", "-c:a", "pcm_s16be"], in: folder)
            let (_, whole) = try await encode(try source(bytes, .caf), folder + "/out")
            let data = try #require(bytes.firstRange(of: Array("data".utf8))?.lowerBound)
            for at in data + 4..<data + 12 { bytes[at] = 0xFF }
            let (_, streamed) = try await encode(try source(bytes, .caf), folder + "/streamed")
            #expect(streamed.samples == whole.samples && streamed.samples > 90_000)
        }
    }

    @Test func `of a WAV that is shorter than it promises fails`() async throws {
        try await withFolder { folder in
            let bytes = Array(wav(sound(4 * Self.frames)).dropLast(100_000))
            let failure = await #expect(throws: TranscodeFailure.self) {
                try await encode(try source(bytes, .wav), folder + "/out")
            }
            #expect(failure?.kind == .corrupt)
        }
    }

    @Test(arguments: [9, 12, 64])
    func `of more channels than anything mixes down is refused before it begins`(channels: Int) async throws {
        try await withFolder { folder in
            let bytes = wav(sound(2 * channels * 1000), channels: channels)
            let failure = await #expect(throws: TranscodeFailure.self) {
                try await encode(try source(bytes, .wav), folder + "/out")
            }
            #expect(failure?.kind == .unsupported)
        }
    }

    @Test(arguments: [3, 4, 5, 6, 7, 8])
    func `of up to eight channels is mixed down`(channels: Int) async throws {
        try await withFolder { folder in
            let bytes = wav(sound(2 * channels * 44_100), channels: channels)
            let (_, encoding) = try await encode(try source(bytes, .wav), folder + "/out")
            #expect(encoding.samples == 44_100)
            #expect(encoding.lossy.allSatisfy { $0.channels == 2 })
        }
    }
}
