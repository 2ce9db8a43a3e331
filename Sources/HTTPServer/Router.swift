import Core

/// Which handler answers which address. Patterns are literal pieces, `{name}` for one piece and, at the end, `{name*}` for
/// all that remain; a literal piece wins over a parameter.
package struct Router: Responder {
    package typealias Handler = @Sendable (Request) async throws -> Response

    fileprivate final class Route: Sendable {
        let pattern: String
        let names: [String]
        let handlers: [Method: Handler]

        init(_ pattern: String, _ names: [String], _ handlers: [Method: Handler]) {
            self.pattern = pattern
            self.names = names
            self.handlers = handlers
        }
    }

    private struct Node: Sendable {
        var literals: [String: Node] = [:]
        /// At most one; in an array because a struct cannot hold itself.
        var parameter: [Node] = []
        var rest: Route?
        var route: Route?
    }

    private var root = Node()

    package init() {}

    package mutating func on(_ method: Method, _ pattern: String, handler: @escaping Handler) {
        var names: [String] = []
        Self.add(method, pattern, Self.pieces(of: pattern), names: &names, to: &root, handler)
    }

    /// Every pattern with its methods, in the order of the patterns.
    package var routes: [(pattern: String, methods: [Method])] {
        Self.routes(in: root).sorted { $0.pattern < $1.pattern }.map { ($0.pattern, Array($0.handlers.keys)) }
    }

    private static func routes(in node: Node) -> [Route] {
        [node.route, node.rest].compactMap(\.self)
            + (Array(node.literals.values) + node.parameter).flatMap { routes(in: $0) }
    }

    /// What a path matches, and what stands in the places of its pattern's parameters.
    package struct Match: Sendable {
        fileprivate let route: Route
        fileprivate let values: [String]
        /// For metrics and logs: the path itself may hold a secret.
        package var pattern: String { route.pattern }
    }

    package func match(_ path: String) -> Match? {
        var values: [String] = []
        return Self.find(Self.pieces(of: path), in: root, &values).map { Match(route: $0, values: values) }
    }

    package func handle(_ request: Request) async throws -> Response {
        try await handle(request, match(request.path))
    }

    /// The handler's own error is thrown on: what it becomes is decided by the layer outside.
    package func handle(_ request: Request, _ match: Match?) async throws -> Response {
        guard let match else { throw Refusal(.notFound) }
        let route = match.route
        var request = request
        request.route = route.pattern
        request.parameters = Array(zip(route.names, match.values)).map { (name: $0, value: $1) }
        if let handler = route.handlers[request.method] { return try await handler(request) }
        if request.method == .head, let handler = route.handlers[.get] { return try await handler(request) }
        let allow = Self.allow(route)
        if request.method == .options { return Response(status: 204, fields: [("Allow", allow)]) }
        throw Refusal(.methodNotAllowed, fields: [("Allow", allow)])
    }

    package func respond(to request: Request) async -> Response {
        do {
            return try await handle(request)
        } catch let refusal as Refusal {
            return Problem.envelope(refusal, requestID: request.id)
        } catch {
            return Problem.envelope(Refusal(.internal), requestID: request.id)
        }
    }

    private static func allow(_ route: Route) -> String {
        var methods = Set(route.handlers.keys.map(\.text))
        if methods.contains("GET") { methods.insert("HEAD") }
        methods.insert("OPTIONS")
        return methods.sorted().joined(separator: ", ")
    }

    private static func pieces(of path: String) -> [Substring] {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    }

    private static func add(
        _ method: Method, _ pattern: String, _ pieces: some Collection<Substring>, names: inout [String],
        to node: inout Node,
        _ handler: @escaping Handler
    ) {
        guard let piece = pieces.first else {
            node.route = extended(node.route, method, pattern, names, handler)
            return
        }
        let next = pieces.dropFirst()
        if piece.hasPrefix("{"), piece.hasSuffix("*}") {
            precondition(next.isEmpty, "nothing can follow \(piece) in \(pattern)")
            names.append(String(piece.dropFirst().dropLast(2)))
            node.rest = extended(node.rest, method, pattern, names, handler)
        } else if piece.hasPrefix("{"), piece.hasSuffix("}") {
            names.append(String(piece.dropFirst().dropLast()))
            if node.parameter.isEmpty { node.parameter.append(Node()) }
            add(method, pattern, next, names: &names, to: &node.parameter[0], handler)
        } else {
            add(method, pattern, next, names: &names, to: &node.literals[String(piece), default: Node()], handler)
        }
    }

    private static func extended(
        _ route: Route?, _ method: Method, _ pattern: String, _ names: [String], _ handler: @escaping Handler
    ) -> Route {
        precondition(route?.handlers[method] == nil, "\(method.text) \(pattern) has a handler already")
        precondition(
            route == nil || route?.names == names, "\(pattern) names its pieces unlike \(route?.pattern ?? "")")
        return Route(route?.pattern ?? pattern, names, (route?.handlers ?? [:]).merging([method: handler]) { $1 })
    }

    private static func find(_ pieces: some Collection<Substring>, in node: Node, _ values: inout [String]) -> Route? {
        guard let piece = pieces.first else { return node.route }
        let text = percentDecoded(piece.utf8)
        if let literal = node.literals[text], let found = find(pieces.dropFirst(), in: literal, &values) {
            return found
        }
        let mark = values.count
        if let parameter = node.parameter.first, !text.isEmpty {
            values.append(text)
            if let found = find(pieces.dropFirst(), in: parameter, &values) { return found }
            values.removeSubrange(mark...)
        }
        guard let rest = node.rest else { return nil }
        values.append(pieces.map { percentDecoded($0.utf8) }.joined(separator: "/"))
        return rest
    }
}
