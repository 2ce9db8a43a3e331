extension Sniff {
    /// What the first bytes are, if they are of `kind`; nil for everything else, other kinds of ours too.
    package static func media(_ kind: MediaKind, of head: [UInt8]) -> MediaFormat? {
        switch kind {
        case .audio: isPicture(head) ? nil : format(of: head).map { .audio($0) }
        case .image: image(head)
        case .video: video(head)
        case .doc: head.starts(with: "%PDF-".utf8) ? .pdf : nil
        }
    }

    private static func image(_ head: [UInt8]) -> MediaFormat? {
        if head.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpg }
        if head.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if head.starts(with: "GIF87a".utf8) || head.starts(with: "GIF89a".utf8) { return .gif }
        if head.starts(with: "RIFF".utf8), head.dropFirst(8).starts(with: "WEBP".utf8) { return .webp }
        return nil
    }

    private static func video(_ head: [UInt8]) -> MediaFormat? {
        switch format(of: head) {
        case .webm: .webm
        case .mp4 where !isPicture(head) && !head.dropFirst(8).starts(with: "qt  ".utf8): .mp4
        default: nil
        }
    }

    /// HEIF and AVIF pictures come in MP4's boxes (ISO/IEC 23008-12): the major brand tells them.
    private static func isPicture(_ head: [UInt8]) -> Bool {
        guard head.dropFirst(4).starts(with: "ftyp".utf8) else { return false }
        return ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis", "jxl "].contains {
            brand in
            head.dropFirst(8).starts(with: brand.utf8)
        }
    }
}
