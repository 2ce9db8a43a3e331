internal import Core
package import HTTPClient
internal import Platform

/// The endpoint that ECS and EKS put beside a container.
package struct ContainerCredentials: S3CredentialSource {
    package let name = "the container's endpoint"
    private let environment: [String: String]
    private let client: HTTPClient

    package init(environment: [String: String], client: HTTPClient) {
        self.environment = environment
        self.client = client
    }

    package func load() async throws(BlobFailure) -> S3Credentials? {
        guard let url = try url() else { return nil }
        var fields: [(String, String)] = []
        if let token = try token() { fields.append(("Authorization", token)) }
        let response = try await client.ask(ClientRequest("GET", url, fields: fields, deadlines: .credentials), name)
        guard response.isSuccess else {
            throw .noCredentials("The container's credentials endpoint answered \(response.status).")
        }
        return try S3Credentials(json: response.body, from: name)
    }

    private func url() throws(BlobFailure) -> String? {
        if let path = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"].full {
            guard path.hasPrefix("/") else {
                throw .noCredentials("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with a slash.")
            }
            return "http://169.254.170.2\(path)"
        }
        guard let url = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"].full else { return nil }
        // Without TLS the token may only go to this machine or to the addresses ECS and EKS give out.
        let near = ["127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]
        let isNear = near.contains { url.hasPrefix("http://\($0)/") || url.hasPrefix("http://\($0):") }
        guard url.hasPrefix("https://") || isNear else {
            throw .noCredentials("AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http on this machine.")
        }
        return url
    }

    private func token() throws(BlobFailure) -> String? {
        guard let file = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"].full else {
            return environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"].full
        }
        do throws(Errno) {
            let bytes = try Files.readWhole(file, limit: 65_536)
            return String(decoding: bytes, as: UTF8.self).filter { !$0.isNewline }
        } catch {
            throw .noCredentials("The container's token file cannot be read: \(error).")
        }
    }
}

/// The role of the machine itself, from EC2's metadata service, version 2.
package struct InstanceCredentials: S3CredentialSource {
    package let name = "the machine's role"
    private let endpoint: String?
    private let client: HTTPClient

    package init(environment: [String: String], client: HTTPClient) {
        let isOff = environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() == "true"
        let own = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"].full ?? "http://169.254.169.254"
        endpoint = isOff ? nil : own.hasSuffix("/") ? String(own.dropLast()) : own
        self.client = client
    }

    /// Elsewhere than on EC2 nothing answers at that address, soon.
    private static let deadlines = ClientRequest.Deadlines(
        connect: .seconds(1), firstByte: .seconds(2), stall: .seconds(2), whole: .seconds(4))

    package func load() async throws(BlobFailure) -> S3Credentials? {
        guard let endpoint else { return nil }
        let asked = ClientRequest(
            "PUT", endpoint + "/latest/api/token", fields: [("X-aws-ec2-metadata-token-ttl-seconds", "21600")],
            deadlines: Self.deadlines)
        let token: ClientResponse
        // No such service is no such source.
        do throws(ClientFailure) { token = try await client.send(asked) } catch { return nil }
        guard token.isSuccess else { return nil }
        let fields = [("X-aws-ec2-metadata-token", String(decoding: token.body, as: UTF8.self))]
        let path = endpoint + "/latest/meta-data/iam/security-credentials/"
        let roles = try await client.ask(ClientRequest("GET", path, fields: fields, deadlines: .credentials), name)
        guard let role = String(decoding: roles.body, as: UTF8.self).split(whereSeparator: \.isNewline).first,
            roles.isSuccess
        else { return nil }
        let found = try await client.ask(
            ClientRequest("GET", path + role, fields: fields, deadlines: .credentials), name)
        guard found.isSuccess else {
            throw .noCredentials("The metadata service answered \(found.status) for its role.")
        }
        return try S3Credentials(json: found.body, from: name)
    }
}

extension S3Credentials {
    /// The form of both endpoints.
    init(json bytes: [UInt8], from name: String) throws(BlobFailure) {
        let json: JSON?
        // What is no JSON is told like what lacks a key.
        do { json = try JSON.parse(bytes) } catch { json = nil }
        guard let key = json?["AccessKeyId"]?.string, let secret = json?["SecretAccessKey"]?.string else {
            throw .noCredentials("\(name) answered without credentials.")
        }
        self.init(
            accessKey: key, secret: secret, sessionToken: json?["Token"]?.string,
            expires: json?["Expiration"]?.string.flatMap(S3Dates.iso))
    }
}
