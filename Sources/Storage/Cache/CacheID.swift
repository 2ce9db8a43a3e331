import Crypto

/// Which blob, as the cache's files are named: a folder for all that is deleted together, and a name in it. Hashes, so that
/// no key is too long or too strange for a file system.
struct CacheID: Hashable, Sendable {
    let folder: SIMD2<UInt64>
    let name: SIMD2<UInt64>

    init(_ key: BlobKey) {
        folder = Self.hash(Self.group(of: key.path))
        name = Self.hash(key.path)
    }

    init(folder: SIMD2<UInt64>, name: SIMD2<UInt64>) {
        self.folder = folder
        self.name = name
    }

    /// Of all blobs below a prefix of three parts: one generation, or the originals of one track.
    static func folder(of prefix: BlobKey) -> SIMD2<UInt64> { hash(group(of: prefix.path)) }

    private static func group(of path: String) -> String {
        path.split(separator: "/", maxSplits: 3).prefix(3).joined(separator: "/")
    }

    private static func hash(_ text: String) -> SIMD2<UInt64> {
        let digest = CacheDigest(SHA256.hash(text))
        return SIMD2(digest.words[0], digest.words[1])
    }
}

/// A SHA-256 without an allocation of its own: there is one for each cached file.
struct CacheDigest: Hashable, Sendable {
    let words: SIMD4<UInt64>

    init(_ bytes: [UInt8]) {
        precondition(bytes.count == SHA256.digestLength)
        var words = SIMD4<UInt64>()
        for (index, byte) in bytes.enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
        self.words = words
    }

    init(words: SIMD4<UInt64>) { self.words = words }
}

/// The name of a cached file: `{key}-{length}-{digest}`. It says what the bytes must be, so that a torn or altered file is
/// known without a second file that could be torn itself.
struct CacheName: Sendable {
    let id: CacheID
    let size: Int64
    let digest: CacheDigest

    var folder: String { Self.folder(id.folder) }
    var path: String { "\(folder)/\(Self.hex(id.name[0], id.name[1]))-\(size)-\(digestText)" }

    private var digestText: String {
        Self.hex(digest.words[0], digest.words[1]) + Self.hex(digest.words[2], digest.words[3])
    }

    static func folder(_ folder: SIMD2<UInt64>) -> String { hex(folder[0], folder[1]) }

    init(id: CacheID, size: Int64, digest: CacheDigest) {
        self.id = id
        self.size = size
        self.digest = digest
    }

    /// Nil for what this cache never named so.
    init?(folder: String, file: String) {
        let parts = file.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let folder = Self.words(folder, 2), let name = Self.words(parts[0], 2),
            let size = Int64(parts[1]), size >= 0, String(size) == parts[1], let digest = Self.words(parts[2], 4)
        else { return nil }
        self.init(
            id: CacheID(folder: SIMD2(folder[0], folder[1]), name: SIMD2(name[0], name[1])), size: size,
            digest: CacheDigest(words: SIMD4(digest)))
    }

    private static func words(_ text: some StringProtocol, _ count: Int) -> [UInt64]? {
        guard text.utf8.count == count * 16, let bytes = Hex.decode(String(text)) else { return nil }
        return (0..<count).map { word in
            bytes[word * 8..<word * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    private static func hex(_ high: UInt64, _ low: UInt64) -> String {
        Hex.encode([high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } })
    }
}
