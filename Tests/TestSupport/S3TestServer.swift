package import Core
internal import Glibc
internal import HTTPClient
internal import Platform
package import Storage
internal import Synchronization

/// A store of the tests' own that speaks S3: a process on a port of its own, with its data in a temporary folder, ended with
/// this process. The two kinds have little in common, which is why there are two.
package final class S3TestServer: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// moto: what AWS says, as far as it is imitated. Its memory is its disk.
        case moto
        /// OpenStack Swift with its s3api: an independent reading of the protocol. It keeps what it has when it is killed.
        case openStack
    }

    package let kind: Kind
    package let port: Int
    private let folder: String
    private let process = Mutex<ChildProcess?>(nil)
    private let key = Mutex<S3Credentials?>(nil)
    private let count = Mutex(0)
    private static let made = Mutex<[Kind: Task<S3TestServer, any Error>]>([:])

    /// One for all tests of a process; each takes a bucket or a prefix of its own.
    package static func shared(_ kind: Kind) async throws -> S3TestServer {
        let task = made.withLock { made in
            // Awaited below by everybody who asks.
            let task = made[kind] ?? Task { try await S3TestServer(kind) }
            made[kind] = task
            return task
        }
        return try await task.value
    }

    package init(_ kind: Kind) async throws {
        self.kind = kind
        try removeLeftovers("sluice-s3")
        folder = "/tmp/sluice-s3-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        try Files.makeFolder(folder, mode: 0o700)
        port = try freePort()
        try await start()
    }

    package var url: String { "http://127.0.0.1:\(port)" }
    package var credentials: S3Credentials {
        key.withLock { $0 } ?? S3Credentials(accessKey: "test:tester", secret: "testing")
    }

    // MARK: What tests do with it

    /// A bucket that nobody else uses.
    package func bucket() async throws -> String {
        let name = "bucket-\(count.withLock { count in count += 1; return count })-\(UInt32.random(in: 0...(.max)))"
        let request = SignedRequest(method: "PUT", scheme: "http", host: "127.0.0.1:\(port)", path: "/\(name)")
        let now = SystemTime().now
        let signer = SignatureV4(credentials, region: "us-east-1", day: now)
        let fields = signer.sign(request, payload: SignatureV4.emptyHash, at: now)
        let client = try HTTPClient(.init(addresses: .anywhere))
        let response = try await client.send(ClientRequest("PUT", SignatureV4.url(of: request), fields: fields))
        guard response.isSuccess else {
            throw TestTrouble("no bucket: \(response.status) \(String(decoding: response.body, as: UTF8.self))")
        }
        return name
    }

    /// A store in `bucket`, spoken to through `port` where something stands before it.
    package func store(
        _ bucket: String, prefix: String = "", port: Int? = nil, credentials: S3Credentials? = nil,
        journal: any MultipartJournal = MemoryMultipartJournal(time: SystemTime()), time: any TimeSource = SystemTime(),
        _ change: (inout S3Configuration) -> Void = { _ in }
    ) throws -> S3BlobStore {
        var configuration = S3Configuration(
            bucket: bucket, prefix: prefix, endpoint: "http://127.0.0.1:\(port ?? self.port)", partSize: 5 << 20)
        configuration.retries = S3RetryPolicy(first: .milliseconds(2), cap: .milliseconds(50))
        change(&configuration)
        return try S3BlobStore(
            configuration, credentials: S3CredentialProvider(credentials ?? self.credentials),
            client: try S3BlobStore.client(for: configuration), journal: journal, time: time)
    }

    /// As the kernel ends a process: no goodbye on its connections.
    package func kill() async {
        let child = process.withLock { $0 }
        child?.kill()
        await child?.wait()
    }

    package func killNow() { process.withLock { $0 }?.kill() }
    package func freeze() { process.withLock { $0 }?.signal(SIGSTOP) }
    package func thaw() { process.withLock { $0 }?.signal(SIGCONT) }

    // MARK: Its process

    package func start() async throws {
        let child = try ChildProcess.spawn(try spec())
        process.withLock { $0 = child }
        let ready = try await Tool.run(
            "/bin/sh",
            [
                "-c",
                """
                for i in $(seq 2400); do curl -s -m 5 -o /dev/null \(url)/moto-api/ && exit 0; \
                kill -0 \(child.pid) 2>/dev/null || exit 1; sleep 0.05; done; exit 1
                """,
            ])
        guard ready.succeeded else { throw TestTrouble("\(kind) did not start: \(child.errorText)") }
        if kind == .moto { try await makeUser() }
    }

    private func spec() throws -> ProcessSpec {
        let command: [String]
        switch kind {
        case .moto:
            let program = Tool.root + "/.build/tools/bin/moto_server"
            guard Files.isExecutable(program) else {
                throw TestTrouble("there is no moto_server; scripts/bootstrap test brings it")
            }
            command = [program, "-H", "127.0.0.1", "-p", String(port)]
        case .openStack:
            guard Files.isExecutable("/usr/bin/swift-proxy-server") else {
                throw TestTrouble("there is no OpenStack Swift; scripts/bootstrap test brings it")
            }
            command = ["/usr/bin/python3", Tool.root + "/Tests/Servers/openstack_swift.py", folder, String(port)]
        }
        // No server outlives the tests that started it.
        var spec = ProcessSpec(program: try Tool.find("setpriv"), arguments: ["--pdeathsig", "KILL"] + command)
        // As many calls as make a user with all rights; from then on every call is judged.
        spec.environment = Tool.environment.merging(["INITIAL_NO_AUTH_ACTION_COUNT": "3"]) { $1 }
        return spec
    }

    private func makeUser() async throws {
        let client = try HTTPClient(.init(addresses: .anywhere))
        let policy =
            "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C"
            + "%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D"
        func ask(_ action: String) async throws -> String {
            // The service is told by the field that will be a signature later.
            let field =
                "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x"
            let request = ClientRequest(
                "POST", url + "/",
                fields: [("Authorization", field), ("Content-Type", "application/x-www-form-urlencoded")],
                body: .bytes(Array("Action=\(action)&UserName=tests&Version=2010-05-08".utf8)))
            let response = try await client.send(request)
            guard response.isSuccess else { throw TestTrouble("moto made no user: \(response.status)") }
            return String(decoding: response.body, as: UTF8.self)
        }
        func text(_ name: String, of answer: String) -> String? {
            guard let start = answer.firstRange(of: "<\(name)>"), let end = answer.firstRange(of: "</\(name)>") else {
                return nil
            }
            return String(answer[start.upperBound..<end.lowerBound])
        }
        _ = try await ask("CreateUser")
        let made = try await ask("CreateAccessKey")
        _ = try await ask("PutUserPolicy&PolicyName=all&PolicyDocument=\(policy)")
        guard let access = text("AccessKeyId", of: made), let secret = text("SecretAccessKey", of: made) else {
            throw TestTrouble("moto gave no key")
        }
        key.withLock { $0 = S3Credentials(accessKey: access, secret: secret) }
    }
}
