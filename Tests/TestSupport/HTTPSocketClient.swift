import HTTPServer

/// Asks a running server, each request over a connection of its own.
package struct HTTPSocketClient: HTTPTestClient {
    private let address: String

    package init(_ address: String) { self.address = address }

    package func send(_ request: HTTPTestRequest) async throws -> HTTPTestAnswer {
        let wire = try HTTPWire(address)
        var head = "\(request.method.text) \(request.target) HTTP/1.1\r\nHost: \(address)\r\n"
        for (name, value) in request.fields { head += "\(name): \(value)\r\n" }
        if !request.body.isEmpty { head += "Content-Length: \(request.body.count)\r\n" }
        try await wire.send(Array("\(head)\r\n".utf8) + request.body)
        return try await wire.answer(toHead: request.method == .head)
    }
}
