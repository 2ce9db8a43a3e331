package import HTTPServer

/// A server for the length of a closure, on a free port, drained at its end. It closes no connection by itself: a test of a
/// time limit sets that limit alone.
package func withHTTPServer<T>(
    _ responder: any Responder, _ change: (inout ServerConfiguration) -> Void = { _ in },
    _ body: (HTTPServer, String) async throws -> T
) async throws -> T {
    var configuration = ServerConfiguration(listen: "127.0.0.1:0")
    configuration.reactors = 1
    configuration.idleTimeout = .seconds(3600)
    configuration.headTimeout = .seconds(3600)
    configuration.stallTimeout = .seconds(3600)
    change(&configuration)
    let server = HTTPServer(configuration, responder: responder)
    let address = try server.start()
    do {
        let value = try await body(server, address)
        await server.drain(within: .zero)
        return value
    } catch {
        await server.drain(within: .zero)
        throw error
    }
}
