package import Core

/// HLS playlists (RFC 8216bis): VOD only, one codec each.
package enum Playlists {
    /// Below a generation: `{rendition}/index.m3u8`.
    static func media(_ rendition: EncodedRendition) -> [UInt8] {
        let times = presentation(rendition)
        let target = times.map { Int(($0 + 0.5).rounded(.down)) }.max() ?? 1
        var lines = [
            "#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:\(max(1, target))", "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-MAP:URI=\"init.mp4\"",
        ]
        for (index, time) in times.enumerated() {
            lines += ["#EXTINF:\(decimal(time)),", EncodedSegment.name(index)]
        }
        lines.append("#EXT-X-ENDLIST")
        return text(lines)
    }

    /// The top playlist of renditions of one codec, beside which the generation's folder appears to lie.
    package static func top(_ renditions: [EncodedRendition], generation: GenerationID) -> [UInt8] {
        var lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
        for rendition in renditions {
            lines += [
                "#EXT-X-STREAM-INF:BANDWIDTH=\(peak(rendition)),AVERAGE-BANDWIDTH=\(mean(rendition)),CODECS=\"\(rendition.codec)\"",
                "\(generation)/\(rendition.name)/index.m3u8",
            ]
        }
        return text(lines)
    }

    /// Rounded by their sums, so that no error gathers along the list.
    private static func presentation(_ rendition: EncodedRendition) -> [Double] {
        var (samples, said): (Int64, Int64) = (0, 0)
        return rendition.segments.map { segment in
            samples += segment.samples
            let microseconds = Int64((Double(samples) * 1_000_000 / Double(rendition.rate)).rounded())
            defer { said = microseconds }
            return Double(microseconds - said) / 1_000_000
        }
    }

    /// §4.4.6.2: the largest rate of any run of segments that lasts between half and one and a half target durations.
    static func peak(_ rendition: EncodedRendition) -> Int {
        let times = presentation(rendition)
        let target = times.map { ($0 + 0.5).rounded(.down) }.max() ?? 1
        var best = 0.0
        for start in times.indices {
            var (bits, time) = (0.0, 0.0)
            for index in start..<times.count {
                bits += 8 * Double(rendition.segments[index].size)
                time += times[index]
                if time > 1.5 * target { break }
                if time > 0, time >= 0.5 * target { best = max(best, bits / time) }
            }
        }
        if best == 0 {
            best = zip(rendition.segments, times).map { 8 * Double($0.size) / max($1, 0.001) }.max() ?? 0
        }
        return Int(best.rounded(.up))
    }

    static func mean(_ rendition: EncodedRendition) -> Int {
        Int((8 * Double(rendition.byteCount) / max(rendition.duration, 0.001)).rounded(.up))
    }

    private static func decimal(_ seconds: Double) -> String {
        let microseconds = Int64((seconds * 1_000_000).rounded())
        let rest = String(microseconds % 1_000_000)
        return "\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - rest.count) + rest
    }

    private static func text(_ lines: [String]) -> [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }
}
