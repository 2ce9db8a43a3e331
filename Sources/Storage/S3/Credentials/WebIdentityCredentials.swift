package import HTTPClient
internal import Platform

/// A token that the cluster writes into a file, exchanged for credentials at AWS's security token service.
package struct WebIdentityCredentials: S3CredentialSource {
    package let name = "web identity"
    private let role: String?
    private let tokenFile: String?
    private let session: String
    private let endpoint: String
    private let client: HTTPClient

    package init(environment: [String: String], client: HTTPClient) {
        self.init(
            role: environment["AWS_ROLE_ARN"].full, tokenFile: environment["AWS_WEB_IDENTITY_TOKEN_FILE"].full,
            environment: environment, region: nil, client: client)
    }

    init(role: String?, tokenFile: String?, environment: [String: String], region: String?, client: HTTPClient) {
        self.role = role
        self.tokenFile = tokenFile
        self.client = client
        session = environment["AWS_ROLE_SESSION_NAME"].full ?? "sluice"
        let region = region ?? environment["AWS_REGION"].full ?? environment["AWS_DEFAULT_REGION"].full
        let own = environment["AWS_ENDPOINT_URL_STS"].full
        endpoint = own ?? region.map { "https://sts.\($0).\(S3Address.domain(of: $0))" } ?? "https://sts.amazonaws.com"
    }

    package func load() async throws(BlobFailure) -> S3Credentials? {
        guard let tokenFile else { return nil }
        guard let role else { throw .noCredentials("AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not.") }
        let token: [UInt8]
        do throws(Errno) {
            token = try Files.readWhole(tokenFile, limit: 65_536)
        } catch {
            throw .noCredentials("The web identity token file cannot be read: \(error).")
        }
        let text = String(decoding: token, as: UTF8.self).filter { !$0.isWhitespace }
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"), ("RoleArn", role), ("RoleSessionName", session),
            ("Version", "2011-06-15"), ("WebIdentityToken", text),
        ].map { "\($0)=\(URLText.encode($1))" }.joined(separator: "&")
        let url = endpoint.hasSuffix("/") ? endpoint : endpoint + "/"
        let request = ClientRequest(
            "POST", url, fields: [("Content-Type", "application/x-www-form-urlencoded")],
            body: .bytes(Array(form.utf8)), deadlines: .credentials)
        let response = try await client.ask(request, "the security token service")
        let answer = XMLElement.parse(response.body)
        guard response.isSuccess, let found = answer?.find("Credentials") else {
            let code = answer?.find("Code")?.text ?? "status \(response.status)"
            throw .noCredentials("The security token service refused the web identity: \(code).")
        }
        guard let key = found["AccessKeyId"], let secret = found["SecretAccessKey"] else {
            throw .noCredentials("The security token service answered without credentials.")
        }
        return S3Credentials(
            accessKey: key, secret: secret, sessionToken: found["SessionToken"],
            expires: found["Expiration"].flatMap(S3Dates.iso))
    }
}

extension ClientRequest.Deadlines {
    /// A credential source is near, or it is not there.
    static let credentials = ClientRequest.Deadlines(
        connect: .seconds(2), firstByte: .seconds(5), stall: .seconds(5), whole: .seconds(10))
}

extension HTTPClient {
    /// Three tries at once: these servers lose a request now and then, and a caller waits.
    func ask(_ request: ClientRequest, _ name: String) async throws(BlobFailure) -> ClientResponse {
        var last = ""
        for _ in 0..<3 {
            do throws(ClientFailure) {
                let response = try await send(request)
                if response.status < 500 { return response }
                last = "status \(response.status)"
            } catch {
                last = error.message
                if !error.isPassing { break }
            }
        }
        throw .noCredentials("\(name) did not answer: \(last)")
    }
}
