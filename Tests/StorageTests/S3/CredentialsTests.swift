import Core
import HTTPClient
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Credentials` {
    private static func ends(_ moment: Timestamp) -> String { moment.description.prefix(19) + "Z" }

    /// A server of one kind of answer, that says what it was asked.
    private final class Asked: Sendable {
        let heads = Mutex<[String]>([])
        var count: Int { heads.withLock(\.count) }
        func add(_ head: String) { heads.withLock { $0.append(head) } }
    }

    private func server(_ asked: Asked, _ answer: @escaping @Sendable (String) -> (Int, String)) throws -> RawServer {
        try RawServer { connection in
            while let head = connection.head() {
                let count =
                    head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length: ") }
                    .flatMap { Int($0.dropFirst(16)) } ?? 0
                let body = String(decoding: connection.body(count), as: UTF8.self)
                asked.add(head + "\n\n" + body)
                let (status, text) = answer(head)
                connection.say("HTTP/1.1 \(status) X\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
            }
        }
    }

    private func standard(_ environment: [String: String], _ time: any TimeSource = SystemTime()) throws
        -> S3CredentialProvider
    {
        let off = ["AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"]
        return .standard(
            environment: off.merging(environment) { $1 }, client: try HTTPClient(.init(addresses: .anywhere)),
            time: time)
    }

    @Test func `come from the environment first, and never half of them`() async throws {
        let found = try await standard([
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c",
        ]).current()
        #expect(found == S3Credentials(accessKey: "a", secret: "b", sessionToken: "c"))
        for half in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let failure = await #expect(throws: BlobFailure.self) { try await standard([half: "a"]).current() }
            #expect(failure?.cause == .noCredentials && failure?.message.contains("set both or neither") == true)
        }
        let none = await #expect(throws: BlobFailure.self) { try await standard([:]).current() }
        #expect(none?.message.contains("AWS_ACCESS_KEY_ID") == true)
    }

    @Test func `print neither the secret nor the token`() {
        let credentials = S3Credentials(accessKey: "AKID", secret: "s3cr3t", sessionToken: "t0k3n")
        for text in ["\(credentials)", String(reflecting: credentials)] {
            #expect(text.contains("AKID") && !text.contains("s3cr3t") && !text.contains("t0k3n"))
        }
    }

    @Test func `are read from the profile that is named`() async throws {
        try await withTemporaryFolder { folder in
            let secrets = """
                # comment
                [default]
                aws_access_key_id = d
                aws_secret_access_key = e=/+
                [ other ]
                aws_access_key_id=o
                aws_secret_access_key=p
                aws_session_token = q
                s3 =
                  aws_access_key_id = not-this
                """
            try Files.writeAtomically(Array(secrets.utf8), to: folder + "/credentials")
            try Files.writeAtomically(
                Array(
                    "[profile third]\naws_access_key_id = x\naws_secret_access_key = y\n[profile role]\nrole_arn = r\n"
                        .utf8),
                to: folder + "/config")
            let files = [
                "AWS_SHARED_CREDENTIALS_FILE": folder + "/credentials", "AWS_CONFIG_FILE": folder + "/config",
            ]
            func current(_ profile: String?) async throws -> S3Credentials {
                var environment = files
                environment["AWS_PROFILE"] = profile
                return try await standard(environment).current()
            }
            #expect(try await current(nil) == S3Credentials(accessKey: "d", secret: "e=/+"))
            #expect(try await current("other") == S3Credentials(accessKey: "o", secret: "p", sessionToken: "q"))
            #expect(try await current("third") == S3Credentials(accessKey: "x", secret: "y"))
            for (profile, word) in [("role", "not supported"), ("nobody", "no file has")] {
                let failure = await #expect(throws: BlobFailure.self) { try await current(profile) }
                #expect(failure?.message.contains(word) == true)
            }
        }
    }

    @Test func `are exchanged for a web identity`() async throws {
        try await withTemporaryFolder { folder in
            try Files.writeAtomically(Array("to+ken\n".utf8), to: folder + "/token")
            let asked = Asked()
            let server = try server(asked) { _ in
                (
                    200,
                    """
                    <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
                    <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>k</AccessKeyId>
                    <SecretAccessKey>s</SecretAccessKey><SessionToken>t&amp;</SessionToken>
                    <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
                    </AssumeRoleWithWebIdentityResponse>
                    """
                )
            }
            let environment = [
                "AWS_WEB_IDENTITY_TOKEN_FILE": folder + "/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
                "AWS_ENDPOINT_URL_STS": server.url(""),
            ]
            let found = try await standard(environment).current()
            #expect(found.accessKey == "k" && found.secret == "s" && found.sessionToken == "t&")
            let heads = asked.heads.withLock { $0 }
            let said = try #require(heads.first)
            #expect(
                said.contains("WebIdentityToken=to%2Bken") && said.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr")
            )
            let refusing = try self.server(asked) { _ in
                (400, "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>")
            }
            let failure = await #expect(throws: BlobFailure.self) {
                try await standard(environment.merging(["AWS_ENDPOINT_URL_STS": refusing.url("")]) { $1 }).current()
            }
            #expect(failure?.cause == .noCredentials && failure?.message.contains("ExpiredTokenException") == true)
        }
    }

    @Test func `come from the container's endpoint, with its token`() async throws {
        let asked = Asked()
        let server = try server(asked) { _ in
            (200, #"{"AccessKeyId":"k","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#)
        }
        let found = try await standard([
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url("/creds"), "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic x",
        ]).current()
        #expect(found.accessKey == "k" && found.sessionToken == "t")
        #expect(asked.heads.withLock(\.first)?.contains("Authorization: Basic x") == true)
        let far = await #expect(throws: BlobFailure.self) {
            try await standard(["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"]).current()
        }
        #expect(far?.message.contains("https") == true)
    }

    @Test func `come from the machine's role, by a token of its metadata service`() async throws {
        let asked = Asked()
        let server = try server(asked) { head in
            if head.hasPrefix("PUT /latest/api/token ") { return (200, "session") }
            guard head.contains("X-aws-ec2-metadata-token: session") else { return (401, "") }
            if head.hasPrefix("GET /latest/meta-data/iam/security-credentials/ ") { return (200, "role-name\n") }
            guard head.hasPrefix("GET /latest/meta-data/iam/security-credentials/role-name ") else { return (404, "") }
            return (200, #"{"AccessKeyId":"k","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#)
        }
        let found = try await standard([
            "AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url(""),
        ]).current()
        #expect(found.accessKey == "k" && asked.count == 3)
    }

    @Test func `are got once for all who wait, and again before they end, beside the work`() async throws {
        let time = ManualTime()
        let start = time.now
        let asked = Asked()
        let server = try server(asked) { _ in
            let number = asked.count
            return (
                200,
                """
                {"AccessKeyId":"k\(number)","SecretAccessKey":"s","Token":"t",\
                "Expiration":"\(Self.ends(start + .seconds(3600 * number)))"}
                """
            )
        }
        let provider = try standard(["AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url("/")], time)
        let keys = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await provider.current().accessKey } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(keys == ["k1"] && asked.count == 1)
        // Nine minutes are left: they still serve, and others are on their way.
        time.advance(by: .seconds(3600 - 540))
        #expect(try await provider.current().accessKey == "k1")
        // They are over; who asks now waits for the new ones, which are asked for once.
        time.advance(by: .seconds(520))
        #expect(try await provider.current().accessKey == "k2")
        #expect(asked.count == 2)
        provider.refused(try await provider.current())
        #expect(try await provider.current().accessKey == "k3")
    }
}
