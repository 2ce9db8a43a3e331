import Core
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

/// The same promises over stores that speak S3, with one configuration for all of them but the address and the keys.
@Suite(.serialized, .timeLimit(.minutes(5))) struct `The S3 blob store` {
    private static let counter = Mutex(0)

    /// In one bucket for all, each promise below a prefix of its own, whose signs must be encoded everywhere.
    private static let buckets = Mutex<[S3TestServer.Kind: Task<String, any Error>]>([:])

    private func store(_ kind: S3TestServer.Kind) async throws -> S3BlobStore {
        let server = try await S3TestServer.shared(kind)
        let task = Self.buckets.withLock { buckets in
            // Awaited below by everybody who asks.
            let task = buckets[kind] ?? Task { try await server.bucket() }
            buckets[kind] = task
            return task
        }
        let number = Self.counter.withLock { counter in
            counter += 1; return counter
        }
        return try server.store(try await task.value, prefix: "promise \(number)/ü+&%/x")
    }

    @Test(arguments: BlobStorePromise.all) func `on moto keeps`(_ promise: BlobStorePromise) async throws {
        try await promise.check(store(.moto))
    }

    @Test(arguments: BlobStorePromise.all) func `on OpenStack Swift keeps`(_ promise: BlobStorePromise) async throws {
        try await promise.check(store(.openStack))
    }

    /// On moto they cannot be judged: with its authentication on it looks for a field that such a request lacks.
    @Test func `gives a URL that needs no credentials`() async throws {
        let store = try await store(.openStack)
        let key = try #require(BlobKey("a+b/c%d"))
        try await store.put([1, 2, 3], at: key)
        let url = try await store.presigned(key, lifetime: .seconds(60))
        let fetched = try await Tool.must("curl", ["-s", "-f", "--path-as-is", url])
        #expect(fetched.output == [1, 2, 3])
        let forged = try await Tool.run(
            "curl", ["-s", "-f", "--path-as-is", url.replacing("Expires=60", with: "Expires=61")])
        #expect(!forged.succeeded)
    }

    @Test func `is spoken to by its bucket's own host as well`() async throws {
        let server = try await S3TestServer.shared(.openStack)
        let store = try server.store(try await server.bucket()) { configuration in
            configuration.style = .virtual
            configuration.endpoint = "http://localhost:\(server.port)"
        }
        let key = try #require(BlobKey("a+b/c%d"))
        try await store.put([1, 2, 3], at: key)
        #expect(try await store.list(prefix: "a+", after: nil, limit: 9).map(\.key) == [key])
        try await store.copy(key, to: try #require(BlobKey("copy")))
        try await store.delete([key])
        #expect(try await store.get(try #require(BlobKey("copy"))) == [1, 2, 3])
    }

    @Test(arguments: S3TestServer.Kind.allCases)
    func `says in a sentence what must be mended`(_ kind: S3TestServer.Kind) async throws {
        let server = try await S3TestServer.shared(kind)
        let bucket = try await server.bucket()
        let right = server.credentials
        try await server.store(bucket).check()
        func cause(_ bucket: String, _ credentials: S3Credentials) async throws -> BlobFailure.Cause? {
            let store = try server.store(bucket, credentials: credentials)
            return await #expect(throws: BlobFailure.self) { try await store.check() }?.cause
        }
        let wrong = S3Credentials(accessKey: right.accessKey, secret: "not it")
        #expect(try await cause(bucket, wrong) == .wrongSecret)
        let nobody = S3Credentials(accessKey: "AKIANOBODY", secret: "nothing")
        // A store that does not tell who is unknown from whose secret is wrong says the latter.
        let unknown = try await cause(bucket, nobody)
        #expect(unknown == .unknownKey || unknown == .wrongSecret)
        #expect(try await cause("never-made", right) == .missingBucket)
        if kind == .openStack {
            let reader = S3Credentials(accessKey: "test:reader", secret: "reading")
            #expect(try await cause(bucket, reader) == .noPermission)
        }
    }

    @Test(arguments: S3TestServer.Kind.allCases)
    func `leaves no parts behind when it is cancelled, nor when its file is cut short`(
        _ kind: S3TestServer.Kind
    ) async throws {
        let server = try await S3TestServer.shared(kind)
        let bucket = try await server.bucket()
        let reached = try Moment()
        let proxy = try FaultProxy(before: server.port) { request in
            guard request.isPart else { return .none }
            reached.come()
            return .silence
        }
        let journal = MemoryMultipartJournal(time: SystemTime())
        let key = try #require(BlobKey("cancelled"))
        try await withTemporaryFolder { folder in
            let file = try FileDescriptor.creating(folder + "/a")
            try file.truncate(to: 11 << 20)
            let store = try server.store(bucket, port: proxy.port, journal: journal)
            let copy = SharedDescriptor(try file.duplicate())
            let task = Task { try await store.put(file: copy.descriptor, at: key) }
            await reached.awaited()
            #expect(try await journal.unfinished(before: SystemTime().now + .seconds(9), limit: 9).count == 1)
            // A sweep beside it knows it by the journal, however old the store says it is.
            let beside = try server.store(bucket, journal: journal)
            #expect(try await beside.sweepMultiparts(unnamed: .seconds(-60)) == 0)
            task.cancel()
            await #expect(throws: BlobFailure.self) { try await task.value }
        }
        #expect(try await journal.unfinished(before: SystemTime().now + .seconds(9), limit: 9) == [])
        let swept = try await server.store(bucket).sweepMultiparts(unnamed: .zero)
        #expect(swept == 0)
    }

    /// For moto every upload was begun in 2010.
    @Test func `sweeps uploads whose id nobody learnt, once they are old, and no others`() async throws {
        let server = try await S3TestServer.shared(.openStack)
        let bucket = try await server.bucket()
        // The store begins it, and its answer is lost; what the client then gives up is unknown to every journal.
        let proxy = try FaultProxy(before: server.port) { $0.target.hasSuffix("uploads=") ? .lose : .none }
        let key = try #require(BlobKey("lost"))
        try await withTemporaryFolder { folder in
            let file = try FileDescriptor.creating(folder + "/a")
            try file.truncate(to: 6 << 20)
            let store = try server.store(bucket, prefix: "p", port: proxy.port) { $0.retries.tries = 2 }
            await #expect(throws: BlobFailure.self) { try await store.put(file: file, at: key) }
        }
        // Another prefix's uploads are not ours.
        #expect(try await server.store(bucket, prefix: "q").sweepMultiparts(unnamed: .seconds(-60)) == 0)
        let store = try server.store(bucket, prefix: "p")
        #expect(try await store.sweepMultiparts(unnamed: .seconds(3600)) == 0)
        #expect(try await store.sweepMultiparts(unnamed: .seconds(-60)) == 2)
        #expect(try await store.sweepMultiparts(unnamed: .seconds(-60)) == 0)
    }
}
