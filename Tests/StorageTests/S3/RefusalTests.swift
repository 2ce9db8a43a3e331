import Core
import HTTPClient
import Storage
import Synchronization
import TestSupport
import Testing

/// What the servers at hand never say: told by a server that says what a test wants.
@Suite(.timeLimit(.minutes(5))) struct `A store that refuses` {
    private final class Heads: Sendable {
        let all = Mutex<[String]>([])
    }

    private func store(
        _ heads: Heads, time: any TimeSource = SystemTime(), expires: Timestamp? = nil, region: String? = nil,
        _ answer: @escaping @Sendable (String, Int) -> String
    ) throws -> (S3BlobStore, RawServer) {
        let server = try RawServer { connection in
            while let head = connection.head() {
                let count = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length: ") }
                _ = connection.body(count.flatMap { Int($0.dropFirst(16)) } ?? 0)
                let number = heads.all.withLock { heads in
                    heads.append(head)
                    return heads.count
                }
                let text = answer(head, number)
                connection.say(text)
                if text.contains("Connection: close") { break }
            }
        }
        var configuration = S3Configuration(bucket: "bucket", endpoint: server.url(""), region: region)
        configuration.retries = S3RetryPolicy(tries: 3, first: .milliseconds(1), cap: .milliseconds(2))
        let source = FixedSource(expires: expires)
        let store = try S3BlobStore(
            configuration, credentials: S3CredentialProvider([source], time: time),
            client: try S3BlobStore.client(for: configuration), journal: MemoryMultipartJournal(time: time), time: time)
        return (store, server)
    }

    /// A key a time it is asked.
    private final class FixedSource: S3CredentialSource {
        let name = "the test"
        private let count = Mutex(0)
        private let expires: Timestamp?

        init(expires: Timestamp?) { self.expires = expires }

        func load() async throws(BlobFailure) -> S3Credentials? {
            let number = count.withLock { count in
                count += 1; return count
            }
            return S3Credentials(accessKey: "key\(number)", secret: "s", sessionToken: "t", expires: expires)
        }
    }

    private static func error(_ status: Int, _ code: String, _ fields: String = "", _ more: String = "") -> String {
        let body = "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>m</Message>\(more)</Error>"
        return "HTTP/1.1 \(status) X\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
    private static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    private let key = BlobKey("a")

    @Test(arguments: [
        (403, "SignatureDoesNotMatch", BlobFailure.Cause.wrongSecret, "secret access key"),
        (403, "InvalidAccessKeyId", .unknownKey, "access key id"),
        (400, "ExpiredToken", .expiredToken, "session token"),
        (404, "NoSuchBucket", .missingBucket, "SLUICE_STORE"),
        (403, "AccessDenied", .noPermission, "policy"),
        (301, "PermanentRedirect", .wrongRegion(nil), "SLUICE_S3_REGION"),
        (403, "RequestTimeTooSkewed", .clockOff, "clock"),
    ])
    func `is told in a sentence that says what to mend`(
        _ status: Int, _ code: String, _ cause: BlobFailure.Cause, _ word: String
    ) async throws {
        let (store, server) = try store(Heads(), region: "us-east-1") { _, _ in Self.error(status, code) }
        let failure = await #expect(throws: BlobFailure.self) { try await store.get(try #require(key)) }
        #expect(failure?.cause == cause && failure?.kind == .away)
        #expect(failure?.message.contains(word) == true)
        #expect(server.connections == 1)
    }

    @Test func `names the right region, which is learnt unless another was set`() async throws {
        let heads = Heads()
        let told = Self.error(
            400, "AuthorizationHeaderMalformed", "", "<Region>eu-central-1</Region>")
        let (auto, autoServer) = try store(heads) { head, _ in head.contains("/eu-central-1/s3/") ? Self.fine : told }
        defer { withExtendedLifetime(autoServer) {} }
        #expect(try await auto.get(try #require(key)) == Array("ok".utf8))
        _ = try await auto.get(try #require(key))
        // Known from then on.
        #expect(heads.all.withLock(\.count) == 3)
        let (named, namedServer) = try store(Heads(), region: "auto") { head, _ in
            head.contains("/auto/s3/") ? told : Self.fine
        }
        defer { withExtendedLifetime(namedServer) {} }
        #expect(try await named.get(try #require(key)) == Array("ok".utf8))
        let (set, setServer) = try store(Heads(), region: "us-east-1") { _, _ in told }
        defer { withExtendedLifetime(setServer) {} }
        let failure = await #expect(throws: BlobFailure.self) { try await set.get(try #require(key)) }
        #expect(failure?.cause == .wrongRegion("eu-central-1"))
        #expect(failure?.message.contains("SLUICE_S3_REGION=eu-central-1") == true)
    }

    @Test func `has the region of its bucket in a field of an answer without a body`() async throws {
        let (store, server) = try store(Heads()) { head, _ in
            head.contains("/eu-west-3/s3/")
                ? "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-0/7\r\nContent-Length: 1\r\n\r\na"
                : "HTTP/1.1 400 Bad\r\nx-amz-bucket-region: eu-west-3\r\nContent-Length: 0\r\n\r\n"
        }
        defer { withExtendedLifetime(server) {} }
        #expect(try await store.size(of: try #require(key)) == 7)
    }

    @Test func `is obeyed about the time, and signs by its clock from then on`() async throws {
        let heads = Heads()
        let time = ManualTime(Timestamp(seconds: 1_795_000_000))
        let right = time.now + .seconds(1200)
        let stamp = right.description.prefix(16).filter { $0 != "-" && $0 != ":" }
        let (store, server) = try store(heads, time: time) { head, _ in
            head.contains("x-amz-date: \(stamp)")
                ? Self.fine : Self.error(403, "RequestTimeTooSkewed", "Date: \(right.httpDate)\r\n")
        }
        defer { withExtendedLifetime(server) {} }
        #expect(store.clockError == nil)
        #expect(try await store.get(try #require(key)) == Array("ok".utf8))
        _ = try await store.get(try #require(key))
        #expect(heads.all.withLock(\.count) == 3)
        // Whoever examines the machine hears of it, though the store works.
        #expect(store.clockError == .seconds(1200))
    }

    @Test func `gets new credentials when it says that these are over`() async throws {
        let heads = Heads()
        let (store, server) = try store(heads, expires: SystemTime().now + .seconds(7200)) { head, _ in
            head.contains("Credential=key2/") ? Self.fine : Self.error(400, "ExpiredToken")
        }
        defer { withExtendedLifetime(server) {} }
        #expect(try await store.get(try #require(key)) == Array("ok".utf8))
        #expect(heads.all.withLock { $0.allSatisfy { $0.contains("x-amz-security-token: t") } })
    }

    @Test func `is met with fewer repetitions once they fail all along`() async throws {
        let heads = Heads()
        let (store, server) = try store(heads) { _, _ in Self.error(503, "SlowDown") }
        defer { withExtendedLifetime(server) {} }
        let key = try #require(key)
        for _ in 0..<120 { await #expect(throws: BlobFailure.self) { try await store.delete(key) } }
        // 120 first tries and a budget of 100 repetitions, where each alone might have two.
        #expect(heads.all.withLock(\.count) == 220)
    }

    @Test func `of something it lacks is asked once, and worked without`() async throws {
        let heads = Heads()
        let (store, server) = try store(heads) { head, _ in
            head.hasPrefix("POST /bucket?delete=") ? Self.error(501, "NotImplemented") : "HTTP/1.1 204 Gone\r\n\r\n"
        }
        defer { withExtendedLifetime(server) {} }
        let keys = try ["a", "b", "c"].map { try #require(BlobKey($0)) }
        try await store.delete(keys)
        try await store.delete(keys)
        #expect(heads.all.withLock { $0.count { $0.hasPrefix("POST") } } == 1)
        #expect(heads.all.withLock { $0.count { $0.hasPrefix("DELETE /bucket/") } } == 6)
    }

    @Test func `to look at our conditions is not read on from with other bytes`() async throws {
        let (store, server) = try store(Heads()) { head, number in
            // It breaks off, and then knows a newer version, whose tag alone gives it away.
            number == 1
                ? "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 9\r\nConnection: close\r\n\r\nold"
                : "HTTP/1.1 206 Part\r\nETag: \"2\"\r\nContent-Range: bytes 3-8/9\r\nContent-Length: 6\r\n\r\nnewnew"
        }
        defer { withExtendedLifetime(server) {} }
        let reader = try await store.read(try #require(key), range: nil)
        #expect(try await reader.next() == Array("old".utf8))
        let failure = await #expect(throws: BlobFailure.self) { try await reader.next() }
        #expect(failure?.message.contains("replaced") == true)
    }

    @Test(arguments: [
        "", "<html><body>hello", "not XML at all", "<Other/>",
        // What it names is never fetched, nor multiplied.
        "<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><ListBucketResult>&b;</ListBucketResult>",
        "<!DOCTYPE l SYSTEM \"file:///etc/passwd\"><ListBucketResult/>",
        String(repeating: "<ListBucketResult>", count: 40) + String(repeating: "</ListBucketResult>", count: 40),
        "<ListBucketResult>" + String(repeating: "<a/>", count: 60_000) + "</ListBucketResult>",
    ])
    func `with an answer that is no list is away`(_ body: String) async throws {
        let (store, server) = try store(Heads()) { _, _ in
            "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        defer { withExtendedLifetime(server) {} }
        let failure = await #expect(throws: BlobFailure.self) { try await store.list(prefix: "", after: nil, limit: 9) }
        #expect(failure?.kind == .away)
    }

    @Test func `of one of many keys is not passed over`() async throws {
        let (store, server) = try store(Heads()) { _, _ in
            let body = "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>"
            return "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        defer { withExtendedLifetime(server) {} }
        let keys = try ["a", "b"].map { try #require(BlobKey($0)) }
        let failure = await #expect(throws: BlobFailure.self) { try await store.delete(keys) }
        #expect(failure?.cause == .noPermission && failure?.message.contains("b") == true)
    }

    @Test(arguments: ["", "a b", "..", "bucket/", String(repeating: "b", count: 300)])
    func `is not asked under a name that no bucket has`(_ bucket: String) throws {
        let configuration = S3Configuration(bucket: bucket, endpoint: "http://127.0.0.1:1")
        let failure = #expect(throws: BlobFailure.self) {
            try S3BlobStore(
                configuration, credentials: S3CredentialProvider(S3Credentials(accessKey: "a", secret: "b")),
                client: try S3BlobStore.client(for: configuration),
                journal: MemoryMultipartJournal(time: SystemTime()), time: SystemTime())
        }
        #expect(failure?.kind == .refused)
    }

    @Test(
        arguments: [
            (S3Configuration.Style?.none, nil, "my-bucket", "https://my-bucket.s3.eu-west-1.amazonaws.com/p/a%2Bb?"),
            (nil, nil, "my.bucket", "https://s3.eu-west-1.amazonaws.com/my.bucket/p/a%2Bb?"),
            (.path, nil, "my-bucket", "https://s3.eu-west-1.amazonaws.com/my-bucket/p/a%2Bb?"),
            (nil, "https://store.example:443", "my-bucket", "https://store.example/my-bucket/p/a%2Bb?"),
            (.virtual, "http://store.example:9000", "my-bucket", "http://my-bucket.store.example:9000/p/a%2Bb?"),
            (.path, "https://store.example/base/", "my-bucket", "https://store.example/base/my-bucket/p/a%2Bb?"),
        ] as [(S3Configuration.Style?, String?, String, String)])
    func `is addressed by path or by host`(
        _ style: S3Configuration.Style?, _ endpoint: String?, _ bucket: String, _ expected: String
    ) async throws {
        let configuration = S3Configuration(
            bucket: bucket, prefix: "p", endpoint: endpoint, region: "eu-west-1", style: style)
        let store = try S3BlobStore(
            configuration, credentials: S3CredentialProvider(S3Credentials(accessKey: "a", secret: "b")),
            client: try S3BlobStore.client(for: configuration), journal: MemoryMultipartJournal(time: SystemTime()),
            time: SystemTime())
        let url = try await store.presigned(try #require(BlobKey("a+b")), lifetime: .seconds(60))
        #expect(url.hasPrefix(expected))
    }
}
