import Core
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@testable import App

/// What a person is told of a store that cannot be worked with: each trouble has its own sentence, its setting and its
/// remedy.
@Suite(.timeLimit(.minutes(10))) struct `A store that is looked at` {
    private func settings(
        _ server: S3TestServer, _ bucket: String, port: Int? = nil, _ more: [String: String] = [:]
    ) throws -> Settings {
        let keys = server.credentials
        return try Settings.load(
            arguments: [],
            environment: [
                "SLUICE_STORE": "s3://\(bucket)/music", "SLUICE_S3_ENDPOINT": "http://127.0.0.1:\(port ?? server.port)",
                "AWS_ACCESS_KEY_ID": keys.accessKey, "AWS_SECRET_ACCESS_KEY": keys.secret,
            ].merging(more) { $1 })
    }

    private func trouble(
        _ settings: Settings, time: any TimeSource = SystemTime()
    ) async throws -> (failure: BlobFailure, mending: SettingsFailure.Fault?) {
        let opening = StoreOpening(settings, time: time, patience: 30)
        let failure = try #require(await #expect(throws: BlobFailure.self) { _ = try await opening.check() })
        return (failure, opening.mending(failure)?.faults.first)
    }

    @Test(arguments: S3TestServer.Kind.allCases)
    func `is well where it lists, writes, reads and deletes`(kind: S3TestServer.Kind) async throws {
        let server = try await S3TestServer.shared(kind)
        let bucket = try await server.bucket()
        #expect(try await StoreOpening(settings(server, bucket), patience: 30).check() == nil)
        #expect(try await server.store(bucket).list(prefix: "", after: nil, limit: 9).isEmpty, "and leaves nothing")
    }

    @Test(arguments: S3TestServer.Kind.allCases)
    func `with a wrong secret says so`(kind: S3TestServer.Kind) async throws {
        let server = try await S3TestServer.shared(kind)
        let wrong = ["AWS_SECRET_ACCESS_KEY": "not-the-secret-that-belongs-to-it"]
        let (failure, mending) = try await trouble(settings(server, try await server.bucket(), wrong))
        #expect(failure.cause == .wrongSecret)
        #expect(mending?.key == "SLUICE_STORE")
        #expect(mending?.why.contains("the secret access key is wrong") == true)
        #expect(mending?.remedy.contains("AWS_SECRET_ACCESS_KEY") == true)
    }

    @Test(arguments: S3TestServer.Kind.allCases)
    func `without its bucket says so`(kind: S3TestServer.Kind) async throws {
        let server = try await S3TestServer.shared(kind)
        let (failure, mending) = try await trouble(settings(server, "no-such-bucket"))
        #expect(failure.cause == .missingBucket)
        #expect(mending?.why.contains("no-such-bucket does not exist") == true)
    }

    @Test func `without credentials says where they were looked for`() async throws {
        let server = try await S3TestServer.shared(.moto)
        let none = ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"]
        let (failure, mending) = try await trouble(settings(server, "b", none))
        #expect(failure.cause == .noCredentials)
        #expect(mending?.why.contains("the profile files") == true)
    }

    @Test(arguments: [
        (403, "<Error><Code>AccessDenied</Code></Error>", "SLUICE_STORE", "lacks that right"),
        (400, "<Error><Code>ExpiredToken</Code></Error>", "SLUICE_STORE", "session token is not valid any more"),
        (403, "<Error><Code>InvalidAccessKeyId</Code></Error>", "SLUICE_STORE", "does not know the access key id"),
        (
            400, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-9</Region></Error>",
            "SLUICE_S3_REGION", "is in the region eu-west-9, not us-east-1"
        ),
        (
            403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "SLUICE_STORE",
            "clock is off by more than 15 minutes"
        ),
    ])
    func `that refuses is believed`(status: Int, body: String, key: String, why: String) async throws {
        let server = try await S3TestServer.shared(.moto)
        let proxy = try FaultProxy(before: server.port) { _ in .answer(status: status, body: body) }
        let region = ["SLUICE_S3_REGION": "us-east-1"]
        let (_, mending) = try await trouble(settings(server, "music", port: proxy.port, region))
        #expect(mending?.key == key)
        #expect(mending?.why.contains(why) == true, "\(mending?.why ?? "")")
    }

    @Test func `whose clock is 20 minutes from ours is worked with, and told`() async throws {
        let server = try await S3TestServer.shared(.openStack)
        let bucket = try await server.bucket()
        for (minutes, word) in [(20, "ahead of"), (-20, "behind")] {
            let time = ManualTime(SystemTime().now + .seconds(60 * minutes))
            let warning = try await StoreOpening(settings(server, bucket), time: time, patience: 30).check()
            #expect(warning?.contains(word) == true, "\(warning ?? "nothing")")
            #expect(warning?.contains("20 min") == true || warning?.contains("19 min") == true)
        }
    }

    @Test func `that bears another name in its certificate is not believed`() async throws {
        try await withTemporaryFolder { folder in
            let server = try await PrivateHTTPS(folder: folder)
            func settings(_ host: String) throws -> Settings {
                try Settings.load(
                    arguments: [],
                    environment: [
                        "SLUICE_STORE": "s3://music", "SLUICE_S3_ENDPOINT": "https://\(host):\(server.port)",
                        "SLUICE_S3_CA_FILE": server.authority, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
                    ])
            }
            let (failure, mending) = try await trouble(settings("127.0.0.1"))
            #expect(failure.cause == .tls)
            #expect(mending?.key == "SLUICE_S3_ENDPOINT")
            #expect(mending?.remedy.contains("SLUICE_S3_CA_FILE") == true)
        }
    }

    @Test func `that does not answer may pass by itself`() async throws {
        let server = try await S3TestServer.shared(.moto)
        let port = try freePort()
        let (failure, mending) = try await trouble(settings(server, "music", port: port))
        #expect(failure.cause == .unreachable && failure.isPassing)
        #expect(mending == nil)
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The watch over the store` {
    private final class Notes: Sendable {
        private let list = Mutex<[StoreWatch.Notice]>([])
        var all: [StoreWatch.Notice] { list.withLock { $0 } }
        func add(_ notice: StoreWatch.Notice) { list.withLock { $0.append(notice) } }
    }

    @Test func `says what is away and why, once, and that it is back`() async throws {
        let store = FaultyStore()
        let notes = Notes()
        let watch = StoreWatch(kind: "s3", time: ManualTime(), told: { notes.add($0) }) {
            () async throws(BlobFailure) in
            guard let key = BlobKey("a") else { return }
            _ = try await store.size(of: key)
        }
        await watch.look()
        #expect(watch.isUp)
        store.behave(.away)
        await watch.look()
        await watch.look()
        #expect(!watch.isUp)
        #expect(watch.said.json["status"] == "down")
        store.behave(.well)
        await watch.look()
        #expect(watch.isUp && watch.said.json["status"] == "up")
        #expect(notes.all == [.away(reason: "the store is away"), .back])
    }
}
