internal import Core
internal import Platform

// Many objects at bounded concurrency, and whether the store can be worked with at all.

extension S3BlobStore {
    package func put(all items: [BlobItem]) async throws(BlobFailure) {
        try await eachOf(items, atOnce: configuration.transfers) { (item: BlobItem) async throws(BlobFailure) in
            switch item.source {
            case .bytes(let bytes): try await self.put(bytes, at: item.key)
            case .file(let path):
                let file: SharedDescriptor
                do throws(Errno) { file = SharedDescriptor(try .reading(path)) } catch {
                    throw BlobFailure(error, item.key.path)
                }
                try await self.put(file, at: item.key)
            }
        }
    }

    package func adopt(folder: String, as prefix: BlobKey) async throws(BlobFailure) {
        guard Files.isFolder(folder) else { throw BlobFailure(.absent, "There is nothing to adopt as \(prefix).") }
        let items = try Self.files(below: folder, as: prefix)
        try await put(all: items)
        // What an interrupted run left there and this one did not make again.
        let made = Set(items.map(\.key))
        var after: BlobKey?
        while true {
            let page = try await list(prefix: prefix.path + "/", after: after, limit: 1000)
            try await delete(page.map(\.key).filter { !made.contains($0) })
            after = page.last?.key
            if page.count < 1000 { break }
        }
        do throws(Errno) { try Files.removeTree(folder) } catch { throw BlobFailure(error, prefix.path) }
    }

    private static func files(below folder: String, as prefix: BlobKey) throws(BlobFailure) -> [BlobItem] {
        let names: [String]
        do throws(Errno) { names = try Files.list(folder) } catch { throw BlobFailure(error, prefix.path) }
        var items: [BlobItem] = []
        for name in names {
            guard let key = prefix.below(name) else { throw BlobFailure(.refused, "\(prefix)/\(name) is no key") }
            let path = "\(folder)/\(name)"
            items += Files.isFolder(path) ? try files(below: path, as: key) : [BlobItem(key, .file(path: path))]
        }
        return items
    }

    // MARK: Looking

    /// Does what the service will do, with an object of its own: each failure says what must be mended, and where.
    package func check() async throws(BlobFailure) {
        guard let probe = BlobKey("sluice-probe-\(randomBase62(12))") else { return }
        _ = try await list(prefix: probe.path, after: nil, limit: 1)
        try await put(Array(probe.path.utf8), at: probe)
        let found = try await get(probe, limit: 1024)
        try await delete(probe)
        guard found == Array(probe.path.utf8) else {
            throw BlobFailure(.refused, "The store gave back other bytes than it was given.")
        }
    }
}
