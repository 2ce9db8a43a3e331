import Core
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Sniffing` {
    private static func mp3Frame() -> [UInt8] { [0xFF, 0xFB, 0x90, 0x00] + [UInt8](repeating: 0, count: 413) }

    @Test func `knows containers by their magic`() {
        let heads: [(String, AudioFormat)] = [
            ("fLaC\0\0\0\"", .flac), ("RIFF\0\0\0\0WAVEfmt ", .wav), ("FORM\0\0\0\0AIFF", .aiff), ("caff\0\u{1}", .caf),
            ("\0\0\0\u{18}ftypM4A ", .m4a), ("\0\0\0\u{18}ftypisom", .mp4),
        ]
        for (head, format) in heads { #expect(Sniff.format(of: Array(head.utf8)) == format, "\(format)") }
        #expect(Sniff.format(of: [0x1A, 0x45, 0xDF, 0xA3] + Array("....webm".utf8)) == .webm)
    }

    @Test func `wants two frames in a row before it calls bytes an MP3`() {
        let frame = Self.mp3Frame()
        #expect(Sniff.format(of: frame + frame) == .mp3)
        #expect(Sniff.format(of: frame + Array("this is no second frame".utf8)) == nil)
    }

    @Test func `looks behind an ID3 tag`() {
        let tag: [UInt8] = Array("ID3".utf8) + [3, 0, 0, 0, 0, 0, 5] + [1, 2, 3, 4, 5]
        #expect(Sniff.format(of: tag + Self.mp3Frame() + Self.mp3Frame()) == .mp3)
        #expect(Sniff.format(of: tag + Array("fLaC".utf8) + [0, 0, 0, 0]) == .flac)
        #expect(Sniff.format(of: tag + Array(String(repeating: "words, no music. ", count: 40).utf8)) == nil)
    }

    @Test func `takes text, pictures, archives and playlists for none of ours`() {
        for head in ["Only words.\n", "#EXTM3U\n#EXT-X-VERSION:3\n", "%PDF-1.7", "PK\u{3}\u{4}", "<MPD>", ""] {
            #expect(Sniff.format(of: Array(head.utf8)) == nil, "\(head)")
        }
        #expect(Sniff.description(of: Array("Only words.\n".utf8)) == "text")
    }
}
