package import Core

/// One request, whole but for its body, which is pulled.
package struct Request: Sendable {
    package let method: Method
    /// As it came: begins with `/`, holds no control or non-ASCII byte, still percent-encoded.
    package let path: String
    package let query: Query
    package let fields: Fields
    package let body: Body
    package let id: RequestID
    package let peer: Peer
    /// The Host field, or the authority of an absolute target.
    package let host: String?
    /// How the client reached us or the proxy before us; a trusted proxy's word.
    package private(set) var scheme = "http"
    /// The pattern that matched, `/v1/uploads/{upload}`: the label of metrics, bounded whatever addresses come in.
    package internal(set) var route: String?
    var parameters: [(name: String, value: String)] = []
    let interimWriter: (any InterimWriter)?

    init(
        method: Method, path: String, query: Query, fields: Fields, body: Body, id: RequestID, peer: Peer,
        host: String?,
        interimWriter: (any InterimWriter)?
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.body = body
        self.id = id
        self.peer = peer
        self.host = host
        self.interimWriter = interimWriter
    }

    /// A request that came by no connection: tests, and the in-memory client.
    package init(
        _ method: Method, _ target: String, fields: [(String, String)] = [], body: Body = .empty, peer: Peer = .loopback
    ) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let fields = Fields(fields)
        self.init(
            method: method, path: parts.first.map(String.init) ?? "/",
            query: Query(parts.count > 1 ? String(parts[1]) : ""),
            fields: fields, body: body, id: fields["x-request-id"].flatMap { RequestID($0) } ?? .make(), peer: peer,
            host: fields["host"], interimWriter: nil)
    }

    /// The same request as another method: what `X-HTTP-Method-Override` asks for.
    package func with(method: Method) -> Request {
        var copy = Request(
            method: method, path: path, query: query, fields: fields, body: body, id: id, peer: peer, host: host,
            interimWriter: interimWriter)
        copy.route = route
        copy.parameters = parameters
        copy.scheme = scheme
        return copy
    }

    /// The same request as a proxy that is believed tells of it; what it did not tell stays.
    package func forwarded(for peer: Peer, host: String?, scheme: String?) -> Request {
        var copy = Request(
            method: method, path: path, query: query, fields: fields, body: body, id: id, peer: peer,
            host: host ?? self.host, interimWriter: interimWriter)
        copy.route = route
        copy.parameters = parameters
        copy.scheme = scheme ?? self.scheme
        return copy
    }

    /// The piece of the path that `{name}` stands for.
    package func parameter<P: PathParameter>(_ name: String, _ type: P.Type = P.self) throws(Refusal) -> P {
        guard let text = parameters.first(where: { $0.name == name })?.value, let value = P(pathParameter: text) else {
            throw Refusal(.notFound)
        }
        return value
    }

    /// Sends an interim response, 102 to 199 (RFC 9110 §15.2), before the final one. A no-op for HTTP/1.0 clients, which
    /// know none.
    package func interim(_ status: Int, _ fields: [(String, String)] = []) async throws(BodyFailure) {
        try await interimWriter?.interim(status, fields)
    }
}

protocol InterimWriter: AnyObject, Sendable {
    func interim(_ status: Int, _ fields: [(String, String)]) async throws(BodyFailure)
}
