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
        guard found.isSuccess, found.fields["Content-Length"].flatMap({ wholeNumber($0) }) == size,
            let changed = found.fields["Last-Modified"].flatMap(S3Dates.http)
        else { return false }
        return changed >= began - Self.dating
    }

    /// Some stores date an object by the beginning of its upload, in whole seconds and by another machine's clock. Keys are
    /// used by one upload alone, so no other object of the same size is that young.
    private static let dating = Duration.seconds(10)

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

    func abort(_ multipart: UnfinishedMultipart, tries: Int? = nil) async throws(BlobFailure) {
        var call = S3Call("DELETE", path(of: multipart.key), name: "giving up \(multipart.key)")
        call.query = [("uploadId", multipart.uploadID)]
        call.accepted = [404]
        call.tries = tries
        _ = try await endpoint.send(call)
    }
}
