package import Core
internal import Crypto

/// What is signed of a request: it must be sent exactly so.
package struct SignedRequest: Sendable {
    package var method: String
    package var scheme: String
    /// With its port unless that is the scheme's own.
    package var host: String
    /// Not encoded, beginning with a slash.
    package var path: String
    /// Not encoded; a nil value is one without a value.
    package var query: [(String, String?)] = []
    /// `x-amz-*`, `content-type` and `content-md5` are signed; the others may be changed on the way.
    package var fields: [(String, String)] = []

    package init(
        method: String, scheme: String, host: String, path: String, query: [(String, String?)] = [],
        fields: [(String, String)] = []
    ) {
        self.method = method
        self.scheme = scheme
        self.host = host
        self.path = path
        self.query = query
        self.fields = fields
    }
}

/// AWS's signature, version 4. Pure: the time, the credentials and the region are handed to it.
package struct SignatureV4: Sendable {
    package static let unsigned = "UNSIGNED-PAYLOAD"
    package static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private let credentials: S3Credentials
    private let region: String
    private let service: String
    private let day: String
    /// Since 1970.
    private let dayNumber: Int64
    private let key: HMACKey
    private let scope: String
    /// Every service's paths are tidied but S3's, where `a//../b` is a key like any other.
    private let isTidy: Bool

    /// For the UTC day of `moment`: making the key costs more than a signature, so it is kept for a day's requests.
    package init(_ credentials: S3Credentials, region: String, service: String = "s3", day moment: Timestamp) {
        self.credentials = credentials
        self.region = region
        self.service = service
        day = String(S3Dates.compact(moment).prefix(8))
        dayNumber = moment.seconds / 86_400
        scope = "\(day)/\(region)/\(service)/aws4_request"
        isTidy = service != "s3"
        var key = Array("AWS4\(credentials.secret)".utf8)
        for text in [day, region, service, "aws4_request"] { key = HMACSHA256.code(key: key, Array(text.utf8)) }
        self.key = HMACKey(key)
    }

    package func holds(for moment: Timestamp, _ credentials: S3Credentials, region: String) -> Bool {
        dayNumber == moment.seconds / 86_400 && region == self.region && credentials == self.credentials
    }

    /// The fields to send in addition to the request's own: `Authorization` and what it speaks of.
    package func sign(_ request: SignedRequest, payload: String, at moment: Timestamp) -> [(String, String)] {
        let date = S3Dates.compact(moment)
        var added = [("x-amz-date", date)]
        if service == "s3" { added.append(("x-amz-content-sha256", payload)) }
        if let token = credentials.sessionToken { added.append(("x-amz-security-token", token)) }
        let signed = Self.signedFields(request, added)
        let names = signed.map(\.0).joined(separator: ";")
        let signature = signature(
            of: canonical(request, query: request.query, fields: signed, names: names, payload: payload), date: date)
        added.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(names), "
                    + "Signature=\(signature)"
            ))
        return added
    }

    /// A URL that whoever holds it may use until `lifetime` is over.
    package func presign(_ request: SignedRequest, at moment: Timestamp, lifetime: Duration) -> String {
        let date = S3Dates.compact(moment)
        let signed = Self.signedFields(request, [])
        let names = signed.map(\.0).joined(separator: ";")
        var request = request
        request.query += [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-Credential", "\(credentials.accessKey)/\(scope)"),
            ("X-Amz-Date", date), ("X-Amz-Expires", String(lifetime.components.seconds)),
            ("X-Amz-SignedHeaders", names),
        ]
        if let token = credentials.sessionToken { request.query.append(("X-Amz-Security-Token", token)) }
        let signature = signature(
            of: canonical(request, query: request.query, fields: signed, names: names, payload: Self.unsigned),
            date: date)
        return "\(Self.url(of: request))&X-Amz-Signature=\(signature)"
    }

    /// The query is in the order of its signature: some servers compare texts.
    package static func url(of request: SignedRequest) -> String {
        var bytes = Array("\(request.scheme)://\(request.host)".utf8)
        URLText.append(request.path, to: &bytes, keepingSlashes: true)
        if !request.query.isEmpty {
            bytes.append(UInt8(ascii: "?"))
            appendQuery(request.query, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Pieces

    private func signature(of canonical: [UInt8], date: String) -> String {
        let text = "AWS4-HMAC-SHA256\n\(date)\n\(scope)\n\(Hex.encode(SHA256.hash(canonical)))"
        return Hex.encode(key.code(Array(text.utf8)))
    }

    private func canonical(
        _ request: SignedRequest, query: [(String, String?)], fields: [(String, String)], names: String, payload: String
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(768)
        bytes += request.method.utf8
        bytes.append(0x0A)
        URLText.append(isTidy ? Self.tidied(request.path) : request.path, to: &bytes, keepingSlashes: true)
        bytes.append(0x0A)
        Self.appendQuery(query, to: &bytes)
        bytes.append(0x0A)
        for (name, value) in fields {
            bytes += name.utf8
            bytes.append(UInt8(ascii: ":"))
            bytes += value.utf8
            bytes.append(0x0A)
        }
        bytes.append(0x0A)
        bytes += names.utf8
        bytes.append(0x0A)
        bytes += payload.utf8
        return bytes
    }

    private static func signedFields(_ request: SignedRequest, _ added: [(String, String)]) -> [(String, String)] {
        var fields = [("host", request.host)]
        for (name, value) in request.fields + added {
            let name = name.lowercased()
            guard name.hasPrefix("x-amz-") || name == "content-type" || name == "content-md5" else { continue }
            // White space at the ends goes, and runs of it become one space.
            fields.append((name, value.split(separator: " ").joined(separator: " ")))
        }
        return fields.sorted { $0.0 < $1.0 }
    }

    private static func appendQuery(_ query: [(String, String?)], to bytes: inout [UInt8]) {
        var pairs = query.map { (URLText.encode($0), URLText.encode($1 ?? "")) }
        if pairs.count > 1 { pairs.sort { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 } }
        for (index, pair) in pairs.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: "&")) }
            bytes += pair.0.utf8
            bytes.append(UInt8(ascii: "="))
            bytes += pair.1.utf8
        }
    }

    /// RFC 3986 §5.2.4, and no empty segments.
    private static func tidied(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        let end = path.hasSuffix("/") && !parts.isEmpty ? "/" : ""
        return "/" + parts.joined(separator: "/") + end
    }
}
