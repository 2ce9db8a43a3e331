import Core
import Storage
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A signature of version 4` {
    private static let suite = S3Credentials(
        accessKey: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    /// 2015-08-30T12:36:00Z, the moment of the published suite.
    private static let moment = Timestamp(seconds: 1_440_938_160)

    private func signature(of request: SignedRequest, payload: String = SignatureV4.emptyHash) -> Substring? {
        let signer = SignatureV4(Self.suite, region: "us-east-1", service: "service", day: Self.moment)
        let fields = signer.sign(request, payload: payload, at: Self.moment)
        return fields.first { $0.0 == "Authorization" }?.1.split(separator: "Signature=").last
    }

    @Test(
        arguments: [
            ("get-vanilla", "/", [], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "get-vanilla-query-order-key-case", "/", [("Param2", "value2"), ("Param1", "value1")],
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
            ),
            (
                "get-vanilla-empty-query-key", "/", [("Param1", "value1")],
                "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"
            ),
            (
                "get-vanilla-utf8-query", "/", [("ሴ", "bar")],
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"
            ),
            ("get-utf8", "/ሴ", [], "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
            (
                "get-unreserved", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", [],
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"
            ),
            ("get-space", "/example space/", [], "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
            ("get-slashes", "//example//", [], "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
            ("get-slash-dot-slash", "/./", [], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "get-slash-pointless-dot", "/./example", [],
                "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"
            ),
            ("get-relative", "/example/..", [], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ] as [(String, String, [(String, String)], String)])
    func `is that of the published suite`(
        _ name: String, _ path: String, _ query: [(String, String)], _ expected: String
    ) {
        let request = SignedRequest(
            method: "GET", scheme: "https", host: "example.amazonaws.com", path: path, query: query.map { ($0, $1) })
        #expect(signature(of: request).map(String.init) == expected)
    }

    @Test func `covers the fields that say what the body is, and the session`() {
        var request = SignedRequest(method: "POST", scheme: "https", host: "example.amazonaws.com", path: "/")
        #expect(signature(of: request) == "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")
        request.fields = [("Content-Type", "application/x-www-form-urlencoded")]
        // SHA-256 of "Param1=value1".
        #expect(
            signature(
                of: request, payload: "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e")
                == "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a")
    }

    /// The examples in the documentation of S3, which encodes paths once and signs the hash of the body as a field.
    @Test func `is that of the documentation of S3`() {
        let credentials = S3Credentials(
            accessKey: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        let moment = Timestamp(seconds: 1_369_353_600)
        let signer = SignatureV4(credentials, region: "us-east-1", day: moment)
        func signature(_ path: String, _ query: [(String, String?)]) -> Substring? {
            let request = SignedRequest(
                method: "GET", scheme: "https", host: "examplebucket.s3.amazonaws.com", path: path, query: query)
            return signer.sign(request, payload: SignatureV4.emptyHash, at: moment)
                .first { $0.0 == "Authorization" }?.1.split(separator: "Signature=").last
        }
        #expect(
            signature("/", [("lifecycle", nil)]) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
        #expect(
            signature("/", [("prefix", "J"), ("max-keys", "2")])
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
        let file = SignedRequest(
            method: "GET", scheme: "https", host: "examplebucket.s3.amazonaws.com", path: "/test.txt")
        let url = signer.presign(file, at: moment, lifetime: .seconds(86_400))
        #expect(url.hasSuffix("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"))
    }

    @Test func `is what botocore makes of requests of every odd kind`() async throws {
        let program = Tool.root + "/.build/tools/bin/python"
        let told = try await Tool.must(program, [Tool.root + "/Tests/Servers/signatures.py", "600"])
        let cases = try #require(try JSON.parse(told.output).array)
        #expect(cases.count == 600)
        for one in cases {
            func text(_ name: String) -> String { one[name]?.string ?? "" }
            func pairs(_ name: String) -> [(String, String)] {
                (one[name]?.array ?? []).map { ($0.array?.first?.string ?? "", $0.array?.last?.string ?? "") }
            }
            let moment = Timestamp(seconds: try #require(one["moment"]?.integer))
            let credentials = S3Credentials(
                accessKey: text("key"), secret: text("secret"), sessionToken: one["token"]?.string)
            let request = SignedRequest(
                method: text("method"), scheme: "http", host: text("host"), path: text("path"),
                query: pairs("query").map { ($0, $1) }, fields: pairs("fields"))
            let signer = SignatureV4(credentials, region: text("region"), day: moment)
            let expires = try #require(one["expires"]?.integer)
            let made: String
            if expires > 0 {
                made = signer.presign(request, at: moment, lifetime: .seconds(expires))
            } else {
                made =
                    signer.sign(request, payload: text("payload"), at: moment)
                    .first { $0.0 == "Authorization" }?.1 ?? ""
            }
            #expect(made.hasSuffix("Signature=\(text("signature"))"), "\(request)")
        }
    }
}
