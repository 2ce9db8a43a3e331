package import HTTPServer

/// One way to ask a server, with two transports: in memory through a responder, and over a socket. A test that holds for
/// both shows that the wire adds nothing and loses nothing.
package protocol HTTPTestClient: Sendable {
    func send(_ request: HTTPTestRequest) async throws -> HTTPTestAnswer
}

package struct HTTPTestRequest: Sendable {
    package var method: Method
    package var target: String
    package var fields: [(String, String)]
    package var body: [UInt8]

    package init(_ method: Method, _ target: String, fields: [(String, String)] = [], body: [UInt8] = []) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
    }
}

package struct HTTPTestAnswer: Sendable {
    package let status: Int
    package let fields: [(String, String)]
    package var body: [UInt8]
    package var trailers: [(String, String)] = []

    package init(status: Int, fields: [(String, String)], body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    package var text: String { String(decoding: body, as: UTF8.self) }

    package subscript(_ name: String) -> String? {
        fields.first { $0.0.lowercased() == name.lowercased() }?.1
    }
}

extension HTTPTestClient {
    package func get(_ target: String, fields: [(String, String)] = []) async throws -> HTTPTestAnswer {
        try await send(HTTPTestRequest(.get, target, fields: fields))
    }

    package func head(_ target: String, fields: [(String, String)] = []) async throws -> HTTPTestAnswer {
        try await send(HTTPTestRequest(.head, target, fields: fields))
    }

    package func post(_ target: String, fields: [(String, String)] = [], body: [UInt8]) async throws -> HTTPTestAnswer {
        try await send(HTTPTestRequest(.post, target, fields: fields, body: body))
    }
}
