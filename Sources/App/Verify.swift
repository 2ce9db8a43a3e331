package import Core
package import Ledger
import Platform
package import Storage
import Transcode

/// Compares what the ledger promises with what lies in the store. It changes nothing.
package enum Verify {
    package struct Finding: Sendable, Equatable {
        package let kind: String
        package let subject: String
        package let message: String

        package var json: JSON {
            ["kind": .string(kind), "subject": .string(subject), "message": .string(message)]
        }
    }

    /// Server running or not.
    package static func run(ledger: any LedgerStore, blobs: String) async throws -> [Finding] {
        try await run(ledger: ledger, store: LocalBlobStore(reading: blobs, lanes: try Lanes(count: 1, name: "verify")))
    }

    package static func run(ledger: any LedgerStore, store: any BlobStore) async throws -> [Finding] {
        let there = try await keys(of: store)
        let claims = try await claims(ledger, there)
        let missing = claims.promised.keys.filter { !there.contains($0) }.sorted()
        let orphans = there.filter { !claims.covers($0) }.sorted()
        // A running server went on between the two looks: what was published meanwhile is there now, and what was swept
        // meanwhile is gone.
        let (came, stayed) = (try await present(missing, in: store), try await present(orphans, in: store))
        return claims.damaged
            + missing.filter { !came.contains($0) }.map { key in
                Finding(
                    kind: "missing", subject: key, message: "The \(claims.promised[key] ?? "") needs it.")
            }
            + orphans.filter(stayed.contains).map { key in
                Finding(kind: "orphan", subject: key, message: "Nothing in the ledger names it.")
            }
    }

    private static func present(_ keys: [String], in store: any BlobStore) async throws -> Set<String> {
        var present: Set<String> = []
        for key in keys {
            guard let blob = BlobKey(key), try await store.size(of: blob) != nil else { continue }
            present.insert(key)
        }
        return present
    }

    private static func keys(of store: any BlobStore) async throws -> Set<String> {
        var keys: Set<String> = []
        var after: BlobKey?
        while true {
            let page = try await store.list(prefix: "", after: after, limit: 1000)
            keys.formUnion(page.map(\.key.path))
            guard let last = page.last, page.count == 1000 else { return keys }
            after = last.key
        }
    }

    /// What the ledger says of the store.
    private struct Claims: Sendable {
        /// Every key that a listener could ask for, with its track or media file.
        var promised: [String: String] = [:]
        /// Rows that cannot be read.
        var damaged: [Finding] = []
        /// Folders of generations that are being built, or are old and not swept yet.
        var folders: Set<String> = []
        var originals: Set<String> = []
        /// An original stands before its track is published.
        var processing: Set<TrackID> = []

        func covers(_ key: String) -> Bool {
            if promised[key] != nil || originals.contains(key) { return true }
            let parts = key.split(separator: "/")
            if parts.count > 3, parts[0] == "hls", folders.contains(parts[0..<3].joined(separator: "/")) { return true }
            return parts.first == "tracks" && Verify.track(key).map(processing.contains) ?? false
        }
    }

    private static func claims(_ ledger: any LedgerStore, _ there: Set<String>) async throws -> Claims {
        let generations = Set(
            there.filter { $0.hasPrefix("hls/") }.compactMap {
                $0.split(separator: "/").dropFirst(2).first.flatMap { GenerationID($0) }
            })
        let tracks = Set(there.compactMap(Self.track))
        return try await ledger.read("verify") { tx in
            var claims = Claims()
            var after: TrackID?
            while true {
                let rows = try tx.tracks.ready(after: after, limit: 500)
                for row in rows { promise(row, in: &claims) }
                guard rows.count == 500 else { break }
                after = rows.last?.id
            }
            try media(tx, &claims)
            for id in generations {
                guard let row = try tx.generations.find(id), row.state != .swept else { continue }
                claims.folders.insert(BlobKey.generation(id, of: row.trackID).path)
            }
            for id in tracks {
                guard let row = try tx.tracks.find(id) else { continue }
                if let key = row.originalKey { claims.originals.insert(key) }
                if row.state == .processing { claims.processing.insert(id) }
            }
            return claims
        }
    }

    private static func media(_ tx: Transaction, _ claims: inout Claims) throws {
        var after: UploadID?
        while true {
            let rows = try tx.media.ready(after: after, limit: 500)
            for row in rows { if let key = row.key { claims.promised[key] = "media file \(row.id)" } }
            guard rows.count == 500 else { return }
            after = rows.last?.id
        }
    }

    /// `hls/{track}/…` or `tracks/{user}/{track}/…`.
    private static func track(_ key: String) -> TrackID? {
        let parts = key.split(separator: "/")
        guard let first = parts.first, parts.count > 2 else { return nil }
        return TrackID(first == "hls" ? parts[1] : parts[2])
    }

    /// Of one rendition; a longer one is no track's but a damaged row's, and must not fill the memory.
    private static let mostSegments: Int64 = 1_000_000

    private static func promise(_ row: TrackRow, in claims: inout Claims) {
        guard let generation = row.generation else { return }
        if let original = row.originalKey { claims.promised[original] = "track \(row.id)" }
        // A row that no pipeline of ours wrote promises nothing more.
        guard let text = row.renditions else { return }
        let folder = BlobKey.generation(generation, of: row.id).path
        // Unreadable is a finding, whatever the reason.
        let renditions = (try? JSON.parse(text))?.array ?? [.null]
        for rendition in renditions {
            guard let name = rendition["name"]?.string, let count = rendition["segments"]?.integer,
                (0...mostSegments).contains(count)
            else {
                claims.damaged.append(
                    Finding(
                        kind: "damaged", subject: row.id.text, message: "Its renditions cannot be read from the ledger."
                    ))
                return
            }
            let files = ["init.mp4", "index.m3u8"] + (0..<Int(count)).map(EncodedSegment.name)
            for file in files { claims.promised["\(folder)/\(name)/\(file)"] = "track \(row.id)" }
        }
    }
}
