package import Core
package import HTTPClient
package import Platform
internal import Synchronization

/// Blobs in a bucket of anything that speaks S3. Its promise is the seam's: what was put is there, whole, when `put`
/// returns; nothing of an upload that failed stays behind for longer than the sweep takes. It relies on nothing that one of
/// the stores in use lacks: no conditional writes, no checksums in trailers, no meaning in an ETag.
package final class S3BlobStore: BlobStore {
    let configuration: S3Configuration
    let endpoint: S3Endpoint
    let journal: any MultipartJournal
    let time: any TimeSource
    /// Requests with a body, all objects together.
    let transfers: Permits
    /// A store that has no batch delete is asked once.
    let lacksBatches = Mutex(false)

    /// `client` may call the store's address and trusts its certificate: see `client(for:)`.
    package init(
        _ configuration: S3Configuration, credentials: S3CredentialProvider, client: HTTPClient,
        journal: any MultipartJournal, time: any TimeSource
    ) throws(BlobFailure) {
        self.configuration = configuration
        self.journal = journal
        self.time = time
        endpoint = try S3Endpoint(configuration, credentials: credentials, client: client, time: time)
        transfers = Permits(configuration.transfers)
    }

    /// A client of the store's own: its connections are used by nothing else.
    package static func client(for configuration: S3Configuration) throws(Errno) -> HTTPClient {
        try HTTPClient(
            .init(
                addresses: .anywhere, places: configuration.transfers + 32, waiting: 4096,
                certificates: configuration.certificates))
    }

    /// How far the store's clock is ahead of ours, once it minded: requests are signed by it, and somebody should know.
    package var clockError: Duration? { endpoint.skew == .zero ? nil : endpoint.skew }

    // MARK: Keys

    func path(of key: BlobKey) -> String { path(of: key.path) }

    func path(of text: String) -> String { configuration.prefix.isEmpty ? text : "\(configuration.prefix)/\(text)" }

    /// Nil for what is not ours, or is no key.
    func key(of path: String) -> BlobKey? {
        if configuration.prefix.isEmpty { return BlobKey(path) }
        guard path.hasPrefix(configuration.prefix + "/") else { return nil }
        return BlobKey(path.dropFirst(configuration.prefix.count + 1))
    }

    package func localPath(of key: BlobKey) -> String? { nil }

    // MARK: One object

    package func put(_ bytes: [UInt8], at key: BlobKey) async throws(BlobFailure) {
        var call = S3Call("PUT", path(of: key), name: key.path)
        call.send(bytes, payload: nil)
        try await carry(call)
    }

    package func put(file: borrowing FileDescriptor, at key: BlobKey) async throws(BlobFailure) {
        let copy: SharedDescriptor
        do throws(Errno) { copy = SharedDescriptor(try file.duplicate()) } catch { throw BlobFailure(error, key.path) }
        try await put(copy, at: key)
    }

    func put(_ file: SharedDescriptor, at key: BlobKey) async throws(BlobFailure) {
        let size: Int64
        do throws(Errno) { size = try file.descriptor.size() } catch { throw BlobFailure(error, key.path) }
        if size > configuration.partSize { return try await putParts(of: file, size: size, at: key) }
        var call = S3Call("PUT", path(of: key), name: key.path)
        call.body = .file(file, 0..<size)
        call.payload = nil
        try await carry(call)
    }

    /// A call with a body, when it is its turn.
    @discardableResult
    func carry(_ call: S3Call) async throws(BlobFailure) -> ClientResponse {
        let response = try await transfers.hold { () async throws(BlobFailure) in
            try await endpoint.send(call)
        }
        guard let response else { throw BlobFailure(.away, "\(call.name) was given up.") }
        return response
    }

    package func get(_ key: BlobKey, limit: Int) async throws(BlobFailure) -> [UInt8] {
        var call = S3Call("GET", path(of: key), name: key.path)
        // What says that there is nothing may be longer than what there would be.
        call.responseLimit = max(limit, 65_536)
        let bytes = try await endpoint.send(call).body
        guard bytes.count <= limit else { throw BlobFailure(.refused, "\(key) is larger than \(limit) bytes.") }
        return bytes
    }

    package func size(of key: BlobKey) async throws(BlobFailure) -> Int64? { try await look(at: key)?.size }

    /// Nil where there is nothing.
    func look(at key: BlobKey) async throws(BlobFailure) -> (size: Int64, tag: String)? {
        var call = S3Call("HEAD", path(of: key), name: key.path)
        call.accepted = [400, 403, 404]
        let head = try await endpoint.send(call)
        if head.isSuccess {
            return (S3Reader.size(of: head.fields, status: head.status) ?? 0, head.fields["ETag"] ?? "")
        }
        if head.status == 404 { return nil }
        // The answer to HEAD cannot say why: a byte of the object is asked for, and what is said then counts.
        var why = S3Call("GET", path(of: key), name: key.path)
        why.fields = [("Range", "bytes=0-0")]
        why.accepted = [404, 416]
        let response = try await endpoint.send(why)
        if response.status == 404 { return nil }
        return (S3Reader.size(of: response.fields, status: response.status) ?? 0, response.fields["ETag"] ?? "")
    }

    package func delete(_ key: BlobKey) async throws(BlobFailure) {
        var call = S3Call("DELETE", path(of: key), name: key.path)
        call.accepted = [404]
        _ = try await endpoint.send(call)
    }

    package func copy(_ from: BlobKey, to: BlobKey) async throws(BlobFailure) {
        var call = S3Call("PUT", path(of: to), name: from.path)
        let source = "/\(configuration.bucket)/\(path(of: from))"
        call.fields = [("x-amz-copy-source", URLText.encode(source, keepingSlashes: true))]
        call.mayFailLate = true
        call.patience = 3
        _ = try await endpoint.send(call)
    }

    /// A URL under which anybody reads the blob until `lifetime` is over.
    package func presigned(_ key: BlobKey, lifetime: Duration) async throws(BlobFailure) -> String {
        try await endpoint.presigned(S3Call("GET", path(of: key), name: key.path), lifetime: lifetime)
    }
}
