package import Core

/// `hls/trk_1/gen_2/aac-128/init.mp4`. Checked once, here: no key below this room holds `..`, an empty part or a control
/// byte, and every part is a name that a file system takes.
package struct BlobKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let path: String

    package init?(_ path: some StringProtocol) {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard path.utf8.count <= Self.limit, path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            parts.allSatisfy({ (1...255).contains($0.count) && !Self.climbs($0) })
        else { return nil }
        self.path = String(path)
    }

    private init(checked path: String) { self.path = path }

    /// What S3 allows.
    package static let limit = 1024

    package var description: String { path }

    /// Byte order, which is the order of `list`: keys are ASCII.
    package static func < (a: Self, b: Self) -> Bool { a.path < b.path }

    /// The key below this one; nil where `name` is no part of a key.
    package func below(_ name: some StringProtocol) -> BlobKey? { BlobKey("\(path)/\(name)") }

    private static func climbs<Part: Collection<UInt8>>(_ part: Part) -> Bool {
        part.count <= 2 && part.allSatisfy { $0 == 0x2E }
    }
}

// MARK: Where things lie

extension BlobKey {
    /// Everything one encoding of a track made lies below this.
    package static func generation(_ generation: GenerationID, of track: TrackID) -> BlobKey {
        BlobKey(checked: "hls/\(track)/\(generation)")
    }

    /// All generations of a track: a prefix for `list`.
    package static func generations(of track: TrackID) -> String { "hls/\(track)/" }

    /// The uploaded file itself. The extension is what the bytes are, never what the client said.
    package static func original(of upload: UploadID, track: TrackID, owner: UserID, extension suffix: String)
        -> BlobKey
    {
        let suffix = suffix.utf8.allSatisfy(isPlain) && (1...16).contains(suffix.utf8.count) ? suffix : "bin"
        return BlobKey(checked: "tracks/\(folder(of: owner))/\(track)/\(upload).\(suffix)")
    }

    /// A file of the media API, kept as it came.
    package static func media(_ upload: UploadID, tenant: TenantID, use: MediaUse, extension suffix: String) -> BlobKey
    {
        precondition(suffix.utf8.allSatisfy(isPlain), "\(suffix) is no extension of ours")
        return BlobKey(checked: media(upload, tenant: tenant, use: use) + suffix)
    }

    /// What its key begins with, whatever its bytes were: a prefix for `list`.
    package static func media(_ upload: UploadID, tenant: TenantID, use: MediaUse) -> String {
        "media/\(tenant)/\(use.rawValue)/\(upload)."
    }

    /// Percent-encoded, and cut where it grows too long for a file system: two such users may share the folder, for the
    /// names below it are unique by themselves.
    private static func folder(of owner: UserID) -> String {
        let digits = Array("0123456789ABCDEF")
        var text = ""
        for byte in owner.text.utf8 {
            if isPlain(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return String(text.prefix(240))
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
