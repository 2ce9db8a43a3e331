internal import Core
internal import HTTPClient
internal import Platform

// What uploads in parts left behind: aborted, for a store keeps and bills their parts.

extension S3BlobStore {
    /// Aborts uploads that nobody goes on with: those the journal names since longer than `named`, and those under our
    /// prefix that it does not name, older than `unnamed`, whose keys are its owner's: the answer that had their ids was
    /// lost. Others may use the bucket too. One that cannot be aborted holds up no other; the first such failure is thrown
    /// once all were tried. Says how many.
    @discardableResult
    package func sweepMultiparts(
        named: Duration = .seconds(6 * 3600), unnamed: Duration = .seconds(3600)
    ) async throws(BlobFailure) -> Int {
        let now = time.now
        // Who starts a node waits for this: a store that went away in the middle is not waited for row by row.
        var sweep = MultipartSweep(self, until: .after(configuration.deadlines.whole * 10))
        var passed = Set<UnfinishedMultipart>()
        while !sweep.isOver {
            // Those that could not be aborted are the oldest still.
            let limit = Self.sweepPage + passed.count
            let rows = try await asked { try await journal.unfinished(before: now - named, limit: limit) }
            for row in rows where !passed.contains(row) {
                if await sweep.abort(row) {
                    try await asked { try await journal.end(row) }
                } else {
                    passed.insert(row)
                }
            }
            if rows.count < limit { break }
        }
        try await sweepUnnamed(before: now - unnamed, &sweep)
        if let failure = sweep.failure { throw failure }
        return sweep.count
    }

    private static let sweepPage = 100

    private func asked<T>(_ body: () async throws -> T) async throws(BlobFailure) -> T {
        do { return try await body() } catch {
            throw BlobFailure(.away, "The journal of uploads in parts did not answer: \(error)")
        }
    }

    private func sweepUnnamed(before moment: Timestamp, _ sweep: inout MultipartSweep) async throws(BlobFailure) {
        var marker: Marker?
        while !sweep.isOver {
            guard let (uploads, next) = try await unfinished(after: marker) else { return }
            let old = uploads.filter { $0.began < moment }.map(\.multipart)
            let named = try await asked { try await journal.holds(old) }
            let strays = old.filter { !named.contains($0) }
            let ours = try await asked { try await journal.owned(among: strays.map(\.key)) }
            for stray in strays where ours.contains(stray.key) { _ = await sweep.abort(stray) }
            guard let next else { return }
            guard next != marker else {
                throw BlobFailure(.away, "The store's list of unfinished uploads does not go on.")
            }
            marker = next
        }
    }

    private struct Marker: Equatable {
        let key: String
        let upload: String
    }

    /// A page of what the store has under our prefix. Nil from a store that cannot list them: it ends them by rules of its
    /// own.
    private func unfinished(
        after marker: Marker?
    ) async throws(BlobFailure) -> ([(multipart: UnfinishedMultipart, began: Timestamp)], next: Marker?)? {
        var call = S3Call("GET", nil, name: "the list of unfinished uploads")
        call.query = [("uploads", nil), ("prefix", path(of: "")), ("max-uploads", "1000"), ("encoding-type", "url")]
        if let marker { call.query += [("key-marker", marker.key), ("upload-id-marker", marker.upload)] }
        call.accepted = [405, 501]
        let response = try await endpoint.send(call)
        guard response.isSuccess else { return nil }
        guard let list = XMLElement.parse(response.body) else {
            throw BlobFailure(.away, "The store's list of unfinished uploads cannot be read.")
        }
        let isEncoded = list["EncodingType"] == "url"
        let uploads = list.all("Upload").compactMap { upload -> (multipart: UnfinishedMultipart, began: Timestamp)? in
            guard let text = upload["Key"], let name = isEncoded ? URLText.decode(text) : text,
                let key = key(of: name), let id = upload["UploadId"],
                let began = upload["Initiated"].flatMap(S3Dates.iso)
            else { return nil }
            return (UnfinishedMultipart(key: key, uploadID: id), began)
        }
        guard list["IsTruncated"] == "true" else { return (uploads, nil) }
        guard let key = list["NextKeyMarker"].full else {
            throw BlobFailure(.away, "The store's list of unfinished uploads breaks off.")
        }
        return (
            uploads, Marker(key: isEncoded ? URLText.decode(key) ?? key : key, upload: list["NextUploadIdMarker"] ?? "")
        )
    }
}

/// One run over what is to be aborted.
private struct MultipartSweep {
    private let store: S3BlobStore
    private let end: Deadline
    private(set) var count = 0
    /// The first of them.
    private(set) var failure: BlobFailure?

    init(_ store: S3BlobStore, until end: Deadline) { (self.store, self.end) = (store, end) }

    /// Nothing more is tried: what is left is the next run's.
    var isOver: Bool { failure != nil && end.isPast }

    /// False when it may be there still.
    mutating func abort(_ multipart: UnfinishedMultipart) async -> Bool {
        guard !isOver else { return false }
        do throws(BlobFailure) {
            try await store.abort(multipart, tries: 2)
            count += 1
            return true
        } catch {
            failure = failure ?? error
            return false
        }
    }
}
