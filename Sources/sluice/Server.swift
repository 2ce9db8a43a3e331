import Access
import App
import Core
import HTTPClient
import Platform

/// The server this command talks to: the one of this data folder, or the one that `--url` and `--key` name.
struct Server: Sendable {
    /// Looked up each time: a server that was started anew may listen elsewhere.
    private let locate: @Sendable () -> String
    /// The same for one server, wherever it listens.
    let identity: String
    private let client: HTTPClient
    private let credential: @Sendable () -> (String, String)

    init(_ flags: Flags) throws {
        client = try HTTPClient(.init(addresses: .anywhere))
        let settings = try Home.settings()
        if let url = flags.value("--url") ?? settings.url {
            guard let key = flags.value("--key") ?? settings.key?.text else {
                throw Complaint.usage("no key for \(url)", "set SLUICE_KEY, or say --key")
            }
            let base = url.hasSuffix("/") ? String(url.dropLast()) : url
            locate = { base }
            identity = base
            credential = { ("X-API-Key", key) }
            return
        }
        guard let address = Self.address(settings.data) else {
            throw Complaint(
                "there is no server here", why: "\(settings.data)/run/addresses.json names none",
                remedy: "start it: sluice serve; or set SLUICE_URL and SLUICE_KEY", code: "NOT_FOUND")
        }
        let data = settings.data
        // While a server starts its file is away, and the last address is as good as any.
        locate = { "http://\(Self.address(data) ?? address)" }
        identity = "local:\((try? Files.realPath(data)) ?? data)"
        let secret = try Home.secret(settings, "local")
        credential = {
            let now = SystemTime().now
            let token = BearerToken.make(
                subject: .local, tenant: .operatorsOwn, permissions: Permission.allCases, expires: now + .seconds(300),
                issued: now,
                secret: secret)
            return ("Authorization", "Bearer " + token)
        }
    }

    var base: String { locate() }

    static func address(_ data: String) -> String? {
        // No file, or one that is no JSON: there is no server to talk to, for either reason.
        guard let bytes = try? Files.readWhole(data + "/run/addresses.json", limit: 4096) else { return nil }
        return (try? JSON.parse(bytes))?["http"]?.string
    }

    /// The `data` of a success; a failure is a complaint in the server's own words.
    func ask(
        _ what: String, _ method: String, _ path: String, body: JSON? = nil, _ fields: [(String, String)] = []
    ) async throws -> JSON {
        let bytes = body.map { ClientRequest.Body.bytes($0.bytes) } ?? (method == "POST" ? .bytes([]) : .none)
        let type = body == nil ? [] : [("Content-Type", "application/json")]
        return try await send(what, method, path, bytes, type + fields)
    }

    func send(
        _ what: String, _ method: String, _ path: String, _ body: ClientRequest.Body, _ fields: [(String, String)] = [],
        onProgress: (@Sendable (Int64) -> Void)? = nil
    ) async throws -> JSON {
        let request = ClientRequest(
            method, base + path, fields: fields + [credential()], body: body, responseLimit: 8 << 20,
            onProgress: onProgress)
        let response: ClientResponse
        do {
            response = try await client.send(request)
        } catch {
            var complaint = Complaint(
                "cannot \(what)", why: error.message, remedy: "is the server running? sluice doctor")
            complaint.isPassing = error.isPassing
            throw complaint
        }
        // An answer that is no JSON is told by its status below.
        let json = (try? JSON.parse(response.body)) ?? .null
        if response.isSuccess { return json["data"] ?? .null }
        let code = json["error"]?["code"]?.string ?? "HTTP \(response.status)"
        var complaint = Complaint(
            "cannot \(what)", why: json["error"]?["message"]?.string ?? "the server answered \(response.status)",
            remedy: FailureCode(rawValue: code)?.remedy ?? "look at the server's log", code: code,
            requestID: json["requestId"]?.string)
        complaint.isAnswer = true
        complaint.isPassing =
            [408, 423, 425, 500, 502, 503, 504].contains(response.status) || code == FailureCode.rateLimited.rawValue
        complaint.retryAfter = response.fields["retry-after"].flatMap { wholeNumber($0) }.map { .seconds($0) }
        throw complaint
    }
}
