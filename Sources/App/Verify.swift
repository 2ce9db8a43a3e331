package import Core
package import Ledger
import Platform
import Storage
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

    package static func run(ledger: any LedgerStore, blobs: String) async throws -> [Finding] {
        let store = try LocalBlobStore(root: blobs, lanes: try Lanes(count: 1, name: "verify"))
        let there = try await keys(of: store)
        let claims = try await claims(ledger, there)
        let missing = claims.promised.filter { !there.contains($0.key) }.sorted { $0.key < $1.key }.map { key, track in
            Finding(kind: "missing", subject: key, message: "The track \(track) needs it.")
        }
        let orphans = there.filter { !claims.covers($0) }.sorted().map { key in
            Finding(kind: "orphan", subject: key, message: "Nothing in the ledger names it.")
        }
        return missing + orphans
    }

    private static func keys(of store: LocalBlobStore) async throws -> Set<String> {
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
        /// Every key that a listener could ask for, with its track.
        var promised: [String: TrackID] = [:]
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
            there.filter { $0.hasPrefix("hls/") }.compactMap { $0.split(separator: "/").dropFirst(2).first.flatMap { GenerationID($0) } })
        let tracks = Set(there.compactMap(Self.track))
        return try await ledger.read("verify") { tx in
            var claims = Claims()
            var after: TrackID?
            while true {
                let rows = try tx.tracks.ready(after: after, limit: 500)
                for row in rows { promise(row, in: &claims.promised) }
                guard rows.count == 500 else { break }
                after = rows.last?.id
            }
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

    /// `hls/{track}/…` or `tracks/{user}/{track}/…`.
    private static func track(_ key: String) -> TrackID? {
        let parts = key.split(separator: "/")
        guard let first = parts.first, parts.count > 2 else { return nil }
        return TrackID(first == "hls" ? parts[1] : parts[2])
    }

    private static func promise(_ row: TrackRow, in promised: inout [String: TrackID]) {
        guard let generation = row.generation else { return }
        if let original = row.originalKey { promised[original] = row.id }
        let folder = BlobKey.generation(generation, of: row.id).path
        // A row that no pipeline of ours wrote promises nothing more.
        let renditions = (row.renditions.flatMap { try? JSON.parse($0) })?.array ?? []
        for rendition in renditions {
            guard let name = rendition["name"]?.string, let count = rendition["segments"]?.integer else { continue }
            let files = ["init.mp4", "index.m3u8"] + (0..<Int(count)).map(EncodedSegment.name)
            for file in files { promised["\(folder)/\(name)/\(file)"] = row.id }
        }
    }
}
