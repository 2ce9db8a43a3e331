import Core
import Ledger
import Storage

/// Whether the store keeps what the ledger promises: each row is asked about by itself, a few at once.
struct Kept: Sendable {
    let ledger: any LedgerStore
    let store: any BlobStore

    private static let page = 500
    private static let atOnce = 8

    func tracks() async throws -> [Verify.Finding] {
        var findings: [Verify.Finding] = []
        var after: TrackID?
        while true {
            let last = after
            let rows = try await ledger.read("verify.tracks") { tx in
                try tx.tracks.ready(after: last, limit: Self.page)
            }
            findings += try await each(rows) { row in try await track(row) }
            guard rows.count == Self.page else { return findings }
            after = rows.last?.id
        }
    }

    func media() async throws -> [Verify.Finding] {
        var findings: [Verify.Finding] = []
        var after: UploadID?
        while true {
            let last = after
            let rows = try await ledger.read("verify.media") { tx in try tx.media.ready(after: last, limit: Self.page) }
            findings += try await each(rows) { row in try await media(row) }
            guard rows.count == Self.page else { return findings }
            after = rows.last?.id
        }
    }

    private func track(_ row: TrackRow) async throws -> [Verify.Finding] {
        let promises = Promises(row)
        var there: [String: Int64] = [:]
        if let generation = row.generation {
            there = try await sizes(below: BlobKey.generation(generation, of: row.id).path + "/", of: promises)
        }
        let findings = try await judge(promises, there)
        if findings.isEmpty { return promises.damaged }
        // A running server went on since the page was read: what it published or took away instead is another row.
        let now = try await ledger.read("verify.track") { tx in try tx.tracks.find(row.id) }
        let isSame =
            now.map { $0.state == .ready && $0.generation == row.generation && $0.originalKey == row.originalKey }
            ?? false
        return promises.damaged + (isSame ? findings : [])
    }

    private func media(_ row: MediaRow) async throws -> [Verify.Finding] {
        let findings = try await judge(Promises(row), [:])
        if findings.isEmpty { return [] }
        let now = try await ledger.read("verify.medium") { tx in try tx.media.find(row.id) }
        return now.map { $0.state == .ready && $0.key == row.key } ?? false ? findings : []
    }

    /// `listed` is what one look found already; what it did not find is looked for by itself.
    private func judge(_ promises: Promises, _ listed: [String: Int64]) async throws -> [Verify.Finding] {
        var there = listed
        var findings: [Verify.Finding] = []
        for (key, file) in promises.files.sorted(by: { $0.key < $1.key }) where there[key] == nil {
            if let blob = BlobKey(key), let size = try await store.size(of: blob) {
                there[key] = size
            } else {
                findings.append(Verify.Finding(.missing, key, "The \(file.owner) needs it."))
            }
        }
        return findings + promises.wrongSizes(there)
    }

    /// Of those that were promised, and no more: nobody knows what else lies there.
    private func sizes(below prefix: String, of promises: Promises) async throws -> [String: Int64] {
        var sizes: [String: Int64] = [:]
        var after: BlobKey?
        while true {
            let page = try await store.list(prefix: prefix, after: after, limit: 1000)
            for entry in page where promises.files[entry.key.path] != nil { sizes[entry.key.path] = entry.size }
            guard let last = page.last, page.count == 1000 else { return sizes }
            after = last.key
        }
    }

    /// In the order of the rows.
    private func each<Row: Sendable>(
        _ rows: [Row], _ judge: @escaping @Sendable (Row) async throws -> [Verify.Finding]
    ) async throws -> [Verify.Finding] {
        try await withThrowingTaskGroup(of: (Int, [Verify.Finding]).self) { group in
            var found: [(Int, [Verify.Finding])] = []
            for (number, row) in rows.enumerated() {
                if number >= Self.atOnce, let one = try await group.next(), !one.1.isEmpty { found.append(one) }
                group.addTask { (number, try await judge(row)) }
            }
            for try await one in group where !one.1.isEmpty { found.append(one) }
            return found.sorted { $0.0 < $1.0 }.flatMap(\.1)
        }
    }
}
