package import Core

package struct EncodedSegment: Sendable, Equatable {
    package let size: Int
    /// Samples that are heard of it.
    package let samples: Int64

    package static func name(_ index: Int) -> String {
        let digits = String(index)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".m4s"
    }
}

/// One rendition as it lies in staging.
package struct EncodedRendition: Sendable, Equatable {
    package let name: String
    package let codec: String
    package let isLossless: Bool
    package let rate: Int
    package let channels: Int
    /// Samples that are heard, with the edit list applied.
    package let frames: Int64
    package let priming: Int64
    package let segments: [EncodedSegment]

    package var files: [String] {
        ["init.mp4", "index.m3u8"] + segments.indices.map(EncodedSegment.name)
    }

    package var duration: Double { Double(frames) / Double(rate) }
    package var byteCount: Int { segments.reduce(0) { $0 + $1.size } }

    package var json: JSON {
        .object([
            ("name", .string(name)), ("codec", .string(codec)), ("rate", .integer(Int64(rate))),
            ("channels", .integer(Int64(channels))), ("frames", .integer(frames)), ("priming", .integer(priming)),
            ("bandwidth", .integer(Int64(Playlists.peak(self)))),
            ("averageBandwidth", .integer(Int64(Playlists.mean(self)))),
            ("bytes", .integer(Int64(byteCount))), ("segments", .integer(Int64(segments.count))),
        ])
    }
}

/// What an encode made: everything the ledger and the top playlists need.
package struct Encoding: Sendable, Equatable {
    package let renditions: [EncodedRendition]
    /// Samples that were decoded, at the source's own rate.
    package let samples: Int64
    package let rate: Int

    package var duration: Double { Double(samples) / Double(rate) }
    package var lossless: [EncodedRendition] { renditions.filter(\.isLossless) }
    package var lossy: [EncodedRendition] { renditions.filter { !$0.isLossless } }
}
