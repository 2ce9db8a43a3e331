package import HTTPClient
internal import Platform

/// `~/.aws/credentials` and `~/.aws/config`, the profile `AWS_PROFILE` names or `default`.
package struct ProfileCredentials: S3CredentialSource {
    package let name = "the profile files"
    private let environment: [String: String]
    private let client: HTTPClient

    package init(environment: [String: String], client: HTTPClient) {
        self.environment = environment
        self.client = client
    }

    package func load() async throws(BlobFailure) -> S3Credentials? {
        let home = environment["HOME"].full ?? ""
        let named = environment["AWS_PROFILE"].full ?? environment["AWS_DEFAULT_PROFILE"].full
        let profile = named ?? "default"
        let secrets = try read(environment["AWS_SHARED_CREDENTIALS_FILE"].full ?? "\(home)/.aws/credentials")
        let settings = try read(environment["AWS_CONFIG_FILE"].full ?? "\(home)/.aws/config")
        let values = (settings[profile == "default" ? profile : "profile \(profile)"] ?? [:])
            .merging(secrets[profile] ?? [:]) { $1 }
        if values.isEmpty {
            if named != nil { throw .noCredentials("AWS_PROFILE names the profile \(profile), which no file has.") }
            return nil
        }
        if let key = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] {
            return S3Credentials(accessKey: key, secret: secret, sessionToken: values["aws_session_token"])
        }
        if let file = values["web_identity_token_file"] {
            return try await WebIdentityCredentials(
                role: values["role_arn"], tokenFile: file, environment: environment, region: values["region"],
                client: client
            ).load()
        }
        if values["role_arn"] != nil || values["sso_session"] != nil || values["credential_process"] != nil {
            throw .noCredentials(
                "The profile \(profile) gets its credentials by a role, SSO or a program, which is not supported: "
                    + "use keys, a web identity, or the machine's own role.")
        }
        if values["aws_access_key_id"] != nil || values["aws_secret_access_key"] != nil {
            throw .noCredentials(
                "The profile \(profile) has half of its keys: it needs the access key id and the secret.")
        }
        return nil
    }

    /// Sections of `name = value`. What is indented belongs to the value before it, and nothing of that is ours.
    private func read(_ path: String) throws(BlobFailure) -> [String: [String: String]] {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try Files.readWhole(path, limit: 1 << 20)
        } catch {
            // Most machines have none.
            guard error != .noSuchFile else { return [:] }
            throw .noCredentials("A profile file cannot be read: \(error).")
        }
        var sections: [String: [String: String]] = [:]
        var section = ""
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            guard let first = line.first, !first.isWhitespace, first != "#", first != ";" else { continue }
            if first == "[", let end = line.firstIndex(of: "]") {
                let words = line[line.index(after: line.startIndex)..<end].split(whereSeparator: \.isWhitespace)
                section = words.joined(separator: " ")
            } else if let equals = line.firstIndex(of: "=") {
                let name = line[..<equals].filter { !$0.isWhitespace }.lowercased()
                sections[section, default: [:]][name] = Self.trimmed(line[line.index(after: equals)...])
            }
        }
        return sections
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
