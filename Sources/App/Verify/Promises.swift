import Core
import Ledger
import Storage
import Transcode

/// What one row of the ledger says must be in the store: everything of it that a listener could ask for.
struct Promises: Sendable {
    struct File: Sendable {
        /// For sentences: `track trk_1`.
        let owner: String
        /// Nil where the ledger knows none.
        let size: Int64?
    }

    private struct Rendition: Sendable {
        let owner: String
        let segments: [String]
        let size: Int64
    }

    private(set) var files: [String: File] = [:]
    /// Rows that cannot be read.
    private(set) var damaged: [Verify.Finding] = []
    private var renditions: [Rendition] = []

    init(_ row: TrackRow) { promise(row) }

    init(_ row: MediaRow) {
        if let key = row.key { files[key] = File(owner: "media file \(row.id)", size: row.size) }
    }

    /// Whether the ledger promises anything at all.
    static func isAny(in ledger: any LedgerStore) async throws -> Bool {
        try await ledger.read("verify.any") { tx in
            try !tx.tracks.ready(after: nil, limit: 1).isEmpty || !tx.media.ready(after: nil, limit: 1).isEmpty
        }
    }

    /// Of one rendition; a longer one is no track's but a damaged row's, and must not fill the memory.
    private static let mostSegments: Int64 = 1_000_000

    private mutating func promise(_ row: TrackRow) {
        guard let generation = row.generation else { return }
        let owner = "track \(row.id)"
        if let original = row.originalKey { files[original] = File(owner: owner, size: row.size) }
        // A row that no pipeline of ours wrote promises nothing more.
        guard let text = row.renditions else { return }
        let folder = BlobKey.generation(generation, of: row.id).path
        // Unreadable is a finding, whatever the reason.
        let items = (try? JSON.parse(text))?.array ?? [.null]
        for item in items {
            guard let name = item["name"]?.string, let count = item["segments"]?.integer,
                (0...Self.mostSegments).contains(count)
            else {
                damaged.append(Verify.Finding(.damaged, row.id.text, "Its renditions cannot be read from the ledger."))
                return
            }
            let segments = (0..<Int(count)).map { "\(folder)/\(name)/\(EncodedSegment.name($0))" }
            let files = ["init.mp4", "index.m3u8"].map { "\(folder)/\(name)/\($0)" } + segments
            for file in files { self.files[file] = File(owner: owner, size: nil) }
            if let size = item["bytes"]?.integer {
                renditions.append(Rendition(owner: owner, segments: segments, size: size))
            }
            let top = ["aac": "index.m3u8", "flac": "lossless.m3u8"][item["codec"]?.string ?? ""]
            if let top { self.files["\(folder)/\(top)"] = File(owner: owner, size: nil) }
        }
    }

    /// Torn or replaced: what is there has another size than was stored. Segments are known by their sum.
    func wrongSizes(_ there: [String: Int64]) -> [Verify.Finding] {
        var findings: [Verify.Finding] = []
        for (key, file) in files.sorted(by: { $0.key < $1.key }) {
            guard let wanted = file.size, let size = there[key], size != wanted else { continue }
            findings.append(
                Verify.Finding(.size, key, "It has \(size) bytes; the \(file.owner) knows \(wanted).", size: size))
        }
        for rendition in renditions {
            let sizes = rendition.segments.compactMap { there[$0] }
            // What is missing is told already.
            guard sizes.count == rendition.segments.count, let first = rendition.segments.first else { continue }
            let size = sizes.reduce(Int64(0)) { $0.clampedSum($1) }
            guard size != rendition.size else { continue }
            let folder = first.prefix(upTo: first.lastIndex(of: "/") ?? first.endIndex)
            findings.append(
                Verify.Finding(
                    .size, String(folder) + "/",
                    "Its segments have \(size) bytes; the \(rendition.owner) knows \(rendition.size).", size: size))
        }
        return findings
    }
}
