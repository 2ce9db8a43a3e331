import Platform

/// One rendition as a player fetched it: its playlist, its init and all segments, every one of which was there.
package struct HeardTrack: Sendable {
    package let playlist: String
    package let initSegment: [UInt8]
    package let segments: [[UInt8]]

    package init(fetching top: String, from server: ServerProcess) async throws {
        func get(_ url: String) async throws -> [UInt8] {
            let answer = try await server.call("GET", url, isAnonymous: true)
            guard answer.status == 200 else { throw TestTrouble("\(url) was answered \(answer)") }
            return answer.body
        }
        let list = String(decoding: try await get(top), as: UTF8.self)
        guard let rendition = Self.entries(list).first else { throw TestTrouble("an empty playlist: \(list)") }
        let media = Self.resolve(rendition, against: top)
        playlist = String(decoding: try await get(media), as: UTF8.self)
        guard let map = playlist.split(separator: "\n").first(where: { $0.hasPrefix("#EXT-X-MAP:") }),
            let name = map.split(separator: "\"").dropFirst().first
        else { throw TestTrouble("no EXT-X-MAP in \(playlist)") }
        initSegment = try await get(Self.resolve(String(name), against: media))
        var segments: [[UInt8]] = []
        for entry in Self.entries(playlist) { segments.append(try await get(Self.resolve(entry, against: media))) }
        self.segments = segments
    }

    private static func entries(_ playlist: String) -> [String] {
        playlist.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }

    /// RFC 3986 §5.2.3, as far as playlists need it.
    private static func resolve(_ name: String, against base: String) -> String {
        guard !name.contains("://"), let slash = base.lastIndex(of: "/") else { return name }
        return String(base[...slash]) + name
    }

    /// The sum of all EXTINF.
    package var seconds: Double {
        playlist.split(separator: "\n").filter { $0.hasPrefix("#EXTINF:") }
            .reduce(0) { $0 + (Double($1.dropFirst(8).prefix { $0 != "," }) ?? 0) }
    }

    /// The edit list (ISO/IEC 14496-12 §8.6.6, version 0): how much is heard and what is skipped before, in samples where
    /// the movie's timescale is the rate.
    package var edit: (shown: Int, skipped: Int)? {
        let name = Array("elst".utf8)
        guard initSegment.count >= 28,
            let at = initSegment.indices.dropLast(24).first(where: { Array(initSegment[$0..<$0 + 4]) == name })
        else { return nil }
        func number(_ offset: Int) -> Int {
            initSegment[at + offset..<at + offset + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        return number(8) == 1 ? (number(12), number(16)) : nil
    }

    /// Init and segments in one file, as a player's buffer holds them.
    package func write(to path: String) throws {
        try Files.writeAtomically(initSegment + segments.flatMap { $0 }, to: path)
    }
}
