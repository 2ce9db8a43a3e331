internal import Core
internal import Crypto
internal import HTTPClient
internal import Platform
internal import Synchronization

// Files that are longer than a part. What was begun is written into the journal before the first part is sent, and ends
// completed or aborted, also when the task is cancelled; where neither is possible, the row stays for the sweep.

extension S3BlobStore {
    func putParts(of file: SharedDescriptor, size: Int64, at key: BlobKey) async throws(BlobFailure) {
        guard let plan = PartPlan(size: size, partSize: configuration.partSize) else {
            throw BlobFailure(.refused, "\(key) is larger than a store takes: \(size) bytes.")
        }
        // A store that forgot the upload (it was aborted there, or lost with a disk) gets it once more from its start.
        for _ in 0..<2 {
            if try await tryParts(of: file, plan, at: key) { return }
        }
        throw BlobFailure(.away, "The store forgot the upload of \(key) twice.")
    }

    /// False when the store does not know the upload any more.
    private func tryParts(of file: SharedDescriptor, _ plan: PartPlan, at key: BlobKey) async throws(BlobFailure)
        -> Bool
    {
        let (multipart, began) = try await begin(key)
        let failure: BlobFailure?
        do throws(BlobFailure) {
            try await writeDown(multipart)
            let tags = try await sendParts(of: file, plan, multipart)
            if let tags, try await complete(multipart, tags, size: plan.size, began: began) {
                await forget(multipart)
                return true
            }
            failure = nil
        } catch {
            failure = error
        }
        await abortAlways(multipart)
        if let failure { throw failure }
        return false
    }

    private func begin(_ key: BlobKey) async throws(BlobFailure) -> (UnfinishedMultipart, began: Timestamp) {
        var call = S3Call("POST", path(of: key), name: key.path)
        call.query = [("uploads", nil)]
        let response = try await endpoint.send(call)
        guard let id = XMLElement.parse(response.body)?["UploadId"].full else {
            throw BlobFailure(.away, "The store began an upload of \(key) without saying its id.")
        }
        // By the store's clock, for times of the store are held against it.
        let began = response.fields["Date"].flatMap(S3Dates.http) ?? time.now
        return (UnfinishedMultipart(key: key, uploadID: id), began)
    }

    /// Nil when the store does not know the upload any more.
    private func sendParts(
        of file: SharedDescriptor, _ plan: PartPlan, _ multipart: UnfinishedMultipart
    ) async throws(BlobFailure) -> [String]? {
        let tags = Mutex([String](repeating: "", count: plan.count))
        let isForgotten = Mutex(false)
        let last = Deadline.after(Self.longestUpload)
        try await eachOf(1...plan.count, atOnce: configuration.partsPerObject) {
            (number: Int) async throws(BlobFailure) in
            guard !isForgotten.withLock({ $0 }) else { return }
            guard !last.isPast else { throw BlobFailure(.away, "\(multipart.key) took too long to be stored.") }
            var call = S3Call("PUT", self.path(of: multipart.key), name: "part \(number) of \(multipart.key)")
            call.query = [("partNumber", String(number)), ("uploadId", multipart.uploadID)]
            call.body = .file(file, plan.range(of: number))
            call.payload = nil
            call.accepted = [404]
            let response = try await self.carry(call)
            if response.isSuccess {
                tags.withLock { $0[number - 1] = response.fields["ETag"] ?? "" }
            } else {
                isForgotten.withLock { $0 = true }
            }
        }
        return isForgotten.withLock { $0 } ? nil : tags.withLock { $0 }
    }

    /// What runs longer is given up before the sweep may take it for an orphan.
    static let longestUpload = Duration.seconds(5 * 3600)

    /// False when the store does not know the upload, or not all of its parts.
    private func complete(
        _ multipart: UnfinishedMultipart, _ tags: [String], size: Int64, began: Timestamp
    ) async throws(BlobFailure) -> Bool {
        let parts = tags.enumerated().map { number, tag in
            "<Part><PartNumber>\(number + 1)</PartNumber><ETag>\(XMLElement.escaped(tag))</ETag></Part>"
        }
        let body = Array(
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())</CompleteMultipartUpload>"
                .utf8)
        var call = S3Call("POST", path(of: multipart.key), name: multipart.key.path)
        call.query = [("uploadId", multipart.uploadID)]
        call.fields = [("Content-Type", "application/xml")]
        call.send(body, payload: Hex.encode(SHA256.hash(body)))
        call.accepted = [404]
        call.mayFailLate = true
        call.patience = 3
        let response = try await endpoint.send(call)
        if response.isSuccess { return true }
        // An answer that was lost, and its repetition: the store has put the object together and forgotten the upload.
        var head = S3Call("HEAD", path(of: multipart.key), name: multipart.key.path)
        head.accepted = [404]
        let found = try await endpoint.send(head)
        guard found.isSuccess, found.fields["Content-Length"].flatMap({ Int64($0) }) == size,
            let changed = found.fields["Last-Modified"].flatMap(S3Dates.http)
        else { return false }
        return changed >= began
    }

    // MARK: Ends

    private func writeDown(_ multipart: UnfinishedMultipart) async throws(BlobFailure) {
        do {
            try await journal.begin(multipart)
        } catch {
            throw BlobFailure(.away, "The upload of \(multipart.key) could not be written into the journal: \(error)")
        }
    }

    private func forget(_ multipart: UnfinishedMultipart) async {
        // A row too many: the sweep finds nothing at the store, and takes the row away.
        try? await journal.end(multipart)
    }

    /// Not cancelled with its caller, who awaits it: a cancelled task is the usual reason for an abort.
    private func abortAlways(_ multipart: UnfinishedMultipart) async {
        await Task {
            // What fails here is left to the sweep: the row stays.
            guard (try? await abort(multipart, tries: 2)) != nil else { return }
            await forget(multipart)
        }.value
    }

    private func abort(_ multipart: UnfinishedMultipart, tries: Int? = nil) async throws(BlobFailure) {
        var call = S3Call("DELETE", path(of: multipart.key), name: "giving up \(multipart.key)")
        call.query = [("uploadId", multipart.uploadID)]
        call.accepted = [404]
        call.tries = tries
        _ = try await endpoint.send(call)
    }

    // MARK: The sweep

    /// Aborts uploads that nobody goes on with: those the journal names since longer than `named`, and those under our
    /// prefix that it does not name, older than `unnamed`: the answer that had their ids was lost. Says how many.
    @discardableResult
    package func sweepMultiparts(
        named: Duration = .seconds(6 * 3600), unnamed: Duration = .seconds(3600)
    ) async throws(BlobFailure) -> Int {
        let now = time.now
        var count = 0
        while true {
            let rows = try await asked { try await journal.unfinished(before: now - named, limit: 100) }
            for row in rows {
                try await abort(row)
                try await asked { try await journal.end(row) }
            }
            count += rows.count
            if rows.count < 100 { break }
        }
        return try await count + sweepUnnamed(before: now - unnamed)
    }

    private func asked<T>(_ body: () async throws -> T) async throws(BlobFailure) -> T {
        do { return try await body() } catch {
            throw BlobFailure(.away, "The journal of uploads in parts did not answer: \(error)")
        }
    }

    private func sweepUnnamed(before moment: Timestamp) async throws(BlobFailure) -> Int {
        var count = 0
        var markers: (key: String, upload: String)?
        while true {
            var call = S3Call("GET", nil, name: "the list of unfinished uploads")
            call.query = [
                ("uploads", nil), ("prefix", path(of: "")), ("max-uploads", "1000"), ("encoding-type", "url"),
            ]
            if let markers { call.query += [("key-marker", markers.key), ("upload-id-marker", markers.upload)] }
            // A store that cannot list them ends them by rules of its own.
            call.accepted = [405, 501]
            let response = try await endpoint.send(call)
            guard response.isSuccess else { return count }
            guard let list = XMLElement.parse(response.body) else {
                throw BlobFailure(.away, "The store's list of unfinished uploads cannot be read.")
            }
            let isEncoded = list["EncodingType"] == "url"
            let old = list.all("Upload").compactMap { upload -> UnfinishedMultipart? in
                guard let text = upload["Key"], let name = isEncoded ? URLText.decode(text) : text,
                    let key = key(of: name), let id = upload["UploadId"],
                    let began = upload["Initiated"].flatMap(S3Dates.iso), began < moment
                else { return nil }
                return UnfinishedMultipart(key: key, uploadID: id)
            }
            let named = try await asked { try await journal.holds(old) }
            for orphan in old where !named.contains(orphan) {
                try await abort(orphan)
                count += 1
            }
            guard list["IsTruncated"] == "true", let key = list["NextKeyMarker"].full else { return count }
            markers = (isEncoded ? URLText.decode(key) ?? key : key, list["NextUploadIdMarker"] ?? "")
        }
    }
}
