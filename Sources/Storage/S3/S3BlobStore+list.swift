internal import Core
internal import Crypto
internal import HTTPClient
internal import Synchronization

// Listing, and deleting what was listed.

extension S3BlobStore {
    /// A page holds a thousand at most, whatever is asked for.
    private static let pageLimit = 1000

    package func list(prefix: String, after: BlobKey?, limit: Int) async throws(BlobFailure) -> [BlobEntry] {
        var found: [BlobEntry] = []
        var token: String?
        while found.count < limit {
            let (entries, next) = try await page(prefix, after, token, count: min(Self.pageLimit, limit - found.count))
            // Not every store knows start-after.
            for entry in entries where after.map({ entry.key > $0 }) ?? true { found.append(entry) }
            guard let next else { break }
            // Whoever believed it would take what follows for absent.
            guard next != token else { throw BlobFailure(.away, "The store's list of \(prefix) does not go on.") }
            token = next
        }
        return Array(found.prefix(limit))
    }

    private func page(
        _ prefix: String, _ after: BlobKey?, _ token: String?, count: Int
    ) async throws(BlobFailure) -> ([BlobEntry], next: String?) {
        var call = S3Call("GET", nil, name: "the list of \(prefix)")
        call.query = [
            ("list-type", "2"), ("prefix", path(of: prefix)), ("max-keys", String(count)), ("encoding-type", "url"),
        ]
        if let token {
            call.query.append(("continuation-token", token))
        } else if let after {
            call.query.append(("start-after", path(of: after)))
        }
        call.mayFailLate = true
        let response = try await endpoint.send(call)
        guard let list = XMLElement.parse(response.body), list.name == "ListBucketResult" else {
            throw BlobFailure(.away, "The store's list of \(prefix) cannot be read.")
        }
        let isEncoded = list["EncodingType"] == "url"
        var entries: [BlobEntry] = []
        for object in list.all("Contents") {
            guard let text = object["Key"], let name = isEncoded ? URLText.decode(text) : text, let key = key(of: name),
                let size = object["Size"].flatMap({ wholeNumber($0) })
            else { continue }
            entries.append(BlobEntry(key: key, size: size))
        }
        guard list["IsTruncated"] == "true" else { return (entries, nil) }
        guard let next = list["NextContinuationToken"].full else {
            throw BlobFailure(.away, "The store's list of \(prefix) breaks off.")
        }
        return (entries, next)
    }

    // MARK: Deleting many

    package func delete(_ keys: [BlobKey]) async throws(BlobFailure) {
        var rest = keys[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Self.pageLimit)
            rest = rest.dropFirst(batch.count)
            if batch.count == 1 || lacksBatches.withLock({ $0 }) {
                try await deleteOneByOne(batch)
            } else {
                try await deleteBatch(batch)
            }
        }
    }

    private func deleteBatch(_ keys: ArraySlice<BlobKey>) async throws(BlobFailure) {
        let objects = keys.map { "<Object><Key>\(XMLElement.escaped(path(of: $0)))</Key></Object>" }.joined()
        let body = Array(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>\(objects)</Delete>"
                .utf8)
        var call = S3Call("POST", nil, name: "deleting \(keys.count) keys")
        call.query = [("delete", nil)]
        // Every store takes this one, and most refuse a batch without any.
        call.fields = [("Content-MD5", Base64.encode(MD5.hash(body))), ("Content-Type", "application/xml")]
        call.send(body, payload: Hex.encode(SHA256.hash(body)))
        call.accepted = [405, 501]
        call.mayFailLate = true
        // Some stores delete them one by one.
        call.patience = 3
        let response = try await endpoint.send(call)
        guard response.isSuccess else {
            lacksBatches.withLock { $0 = true }
            return try await deleteOneByOne(keys)
        }
        for error in XMLElement.parse(response.body)?.all("Error") ?? [] where error["Code"] != "NoSuchKey" {
            let name = error["Key"].flatMap(key(of:))?.path ?? "a key"
            let isForbidden = error["Code"] == "AccessDenied"
            throw BlobFailure(
                .away, "The store did not delete \(name): \(error["Code"] ?? "no reason given").",
                cause: isForbidden ? .noPermission : nil)
        }
    }

    private func deleteOneByOne(_ keys: ArraySlice<BlobKey>) async throws(BlobFailure) {
        try await eachOf(keys, atOnce: 8) { (key: BlobKey) async throws(BlobFailure) in try await self.delete(key) }
    }

    // MARK: Many at once

    /// The first failure ends the others.
    func eachOf<Items: Sequence & Sendable>(
        _ items: Items, atOnce: Int, _ body: @escaping @Sendable (Items.Element) async throws(BlobFailure) -> Void
    ) async throws(BlobFailure) where Items.Element: Sendable {
        let result = await withTaskGroup(of: Result<Void, BlobFailure>.self) { group in
            var rest = items.makeIterator()
            var failure: BlobFailure?
            var running = 0
            while true {
                while failure == nil, running < atOnce, let item = rest.next() {
                    running += 1
                    group.addTask {
                        do throws(BlobFailure) { return .success(try await body(item)) } catch {
                            return .failure(error)
                        }
                    }
                }
                guard let ended = await group.next() else { break }
                running -= 1
                if case .failure(let why) = ended, failure == nil {
                    failure = why
                    group.cancelAll()
                }
            }
            return failure.map { Result<Void, BlobFailure>.failure($0) } ?? .success(())
        }
        try result.get()
    }
}
