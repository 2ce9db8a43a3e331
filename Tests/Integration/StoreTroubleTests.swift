import Core
import Platform
import Storage
import TestSupport
import Testing

/// What `doctor` and `serve` say of a store that cannot be worked with: each trouble in a sentence of its own. The
/// sentences of all of them are judged in AppTests; here it is judged that they come out, with the right exit code.
@Suite(.timeLimit(.minutes(5)))
struct StoreTroubleTests {
    private func expect(_ sentence: String, _ settings: [String: String]) async throws {
        try await withTemporaryFolder { folder in
            let environment = ServerProcess.settings(folder).merging(settings) { $1 }
            let serve = try await Tool.run(
                ServerProcess.program, ["serve"], environment: environment, folder: folder)
            #expect(serve.end == .exited(2))
            #expect(serve.error.contains(sentence), "\(serve.error)")
            let doctor = try await Tool.run(
                ServerProcess.program, ["doctor"], environment: environment, folder: folder)
            #expect(doctor.end == .exited(1))
            #expect(doctor.text.contains("BAD  store") && doctor.text.contains(sentence), "\(doctor.text)")
            #expect(!(serve.error + doctor.text).contains(settings["AWS_SECRET_ACCESS_KEY"] ?? "-"))
        }
    }

    @Test(arguments: S3TestServer.Kind.allCases)
    func `a wrong secret, and a bucket that is not there`(kind: S3TestServer.Kind) async throws {
        let s3 = try await S3TestServer.shared(kind)
        var settings = BucketTests.settings(s3, "no-such-bucket")
        try await expect("The bucket no-such-bucket does not exist", settings)
        settings = BucketTests.settings(s3, try await s3.bucket())
        settings["AWS_SECRET_ACCESS_KEY"] = "not-the-secret-that-belongs-to-it"
        try await expect("the secret access key is wrong", settings)
    }

    @Test(arguments: [
        ("AccessDenied", "lacks that right"), ("ExpiredToken", "The session token is not valid any more"),
        ("RequestTimeTooSkewed", "clock is off by more than 15 minutes"), ("PermanentRedirect", "SLUICE_S3_REGION"),
    ])
    func `a refusal`(code: String, sentence: String) async throws {
        let s3 = try await S3TestServer.shared(.moto)
        let proxy = try FaultProxy(before: s3.port) { _ in
            .answer(status: 403, body: "<Error><Code>\(code)</Code></Error>")
        }
        var settings = BucketTests.settings(s3, "music", port: proxy.port)
        settings["SLUICE_S3_REGION"] = "eu-west-9"
        try await expect(sentence, settings)
    }

    @Test func `a certificate for another name`() async throws {
        try await withTemporaryFolder { folder in
            let server = try await PrivateHTTPS(folder: folder)
            let s3 = try await S3TestServer.shared(.moto)
            var settings = BucketTests.settings(s3, "music")
            settings["SLUICE_S3_ENDPOINT"] = "https://127.0.0.1:\(server.port)"
            settings["SLUICE_S3_CA_FILE"] = server.authority
            try await expect("does not prove that it is that host by TLS", settings)
        }
    }

    @Test func `a store that does not answer keeps no server from starting`() async throws {
        let s3 = try await S3TestServer.shared(.moto)
        let settings = BucketTests.settings(s3, "music", port: try freePort())
        try await ServerProcess.with(settings) { server in
            let ready = try await server.call("GET", "/readyz")
            #expect(ready.status == 503)
            #expect(ready.json["data"]?["checks"]?["store"]?["reason"] == "it cannot be reached", "\(ready)")
            #expect(server.lines.all.contains { $0.contains("store.away") })
        }
    }
}
