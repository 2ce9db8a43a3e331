import Core
import Ledger
import Storage

/// Who in the ledger a stored name belongs to. Names are never used twice, and their rows stand before their bytes: what
/// belongs to nobody once will belong to nobody later.
struct Owners: Sendable {
    enum Name: Hashable, Sendable {
        case generation(GenerationID, of: TrackID)
        case original(UploadID, of: TrackID)
        case media(UploadID)
        /// What a look at the store left, when it was ended in the middle.
        case probe
        case foreign

        init(_ key: String) {
            let parts = key.split(separator: "/", omittingEmptySubsequences: false)
            let id = parts.last.flatMap { UploadID($0.prefix { $0 != "." }) }
            if parts[0] == "hls", parts.count > 3, let track = TrackID(parts[1]),
                let generation = GenerationID(parts[2])
            {
                self = .generation(generation, of: track)
            } else if parts[0] == "tracks", parts.count == 4, let track = TrackID(parts[2]), let id {
                self = .original(id, of: track)
            } else if parts[0] == "media", parts.count == 4, let id {
                self = .media(id)
            } else {
                self = parts.count == 1 && key.hasPrefix("sluice-probe-") ? .probe : .foreign
            }
        }
    }

    private static let page = 500

    let ledger: any LedgerStore

    init(_ ledger: any LedgerStore) { self.ledger = ledger }

    /// Those that something in the ledger needs, or may come to need, or will take away by itself.
    func named(among keys: [String]) async throws -> Set<String> {
        try await those(of: keys, "verify.owners", Self.isNamed)
    }

    /// Those of tracks and media files that the ledger has. Another service's look alike, and have other ids.
    func known(among keys: [String]) async throws -> Set<String> {
        try await those(of: keys, "multipart.owned", Self.isKnown)
    }

    private func those(
        of keys: [String], _ name: StaticString, _ isOne: @escaping @Sendable (String, Transaction) throws -> Bool
    ) async throws -> Set<String> {
        var found: Set<String> = []
        var rest = keys[...]
        while !rest.isEmpty {
            let page = Array(rest.prefix(Self.page))
            rest = rest.dropFirst(page.count)
            let ones = try await ledger.read(name) { tx in
                // Files of one encoding stand together, and share the answer.
                var last: (name: Name, isOne: Bool)?
                return try page.filter { key in
                    let name = Name(key)
                    if case .generation = name, let last, last.name == name { return last.isOne }
                    let answer = try isOne(key, tx)
                    last = (name, answer)
                    return answer
                }
            }
            found.formUnion(ones)
        }
        return found
    }

    /// Whether the ledger ever heard of any of them. One that did not is probably another store's.
    func knowsAny(of keys: [String]) async throws -> Bool {
        var rest = keys[...]
        while !rest.isEmpty {
            let page = Array(rest.prefix(Self.page))
            rest = rest.dropFirst(page.count)
            if try await ledger.read("verify.known", { tx in try page.contains { try Self.isKnown($0, tx) } }) {
                return true
            }
        }
        return false
    }

    @Sendable private static func isNamed(_ key: String, _ tx: Transaction) throws -> Bool {
        switch Name(key) {
        case .generation(let id, let track):
            if let row = try tx.generations.find(id), row.trackID == track, row.state != .swept { return true }
            // What listeners are sent to is needed, whatever its own row says.
            return try tx.tracks.find(track).map { $0.state == .ready && $0.generation == id } ?? false
        case .original(let id, let track):
            guard let row = try tx.tracks.find(track) else { return false }
            if try row.originalKey == key || tx.tracks.replaced(of: track, limit: 1000).contains(key) { return true }
            // It stands before its track is published.
            if row.uploadID == id, row.state == .processing || row.state == .ready { return true }
            return try tx.uploads.find(id).map { $0.trackID == track && !$0.state.isFinal } ?? false
        case .media(let id):
            guard let row = try tx.media.find(id) else { return false }
            return row.key == key ? row.state == .ready : row.state == .processing
        case .probe, .foreign: return false
        }
    }

    @Sendable private static func isKnown(_ key: String, _ tx: Transaction) throws -> Bool {
        switch Name(key) {
        case .generation(_, let track), .original(_, let track): try tx.tracks.find(track) != nil
        case .media(let id): try tx.media.find(id) != nil
        case .probe, .foreign: false
        }
    }
}
