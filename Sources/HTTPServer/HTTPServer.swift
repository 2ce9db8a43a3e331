/// The HTTP/1.1 server: reactors that accept and serve, one a core.
package final class HTTPServer: Sendable {
    package init(_ configuration: ServerConfiguration, responder: any Responder) {}

    /// Binds and starts the reactors; returns `host:port` as bound.
    package func start() throws -> String { configurationIsThin() }

    /// Returns once the server was drained; cancelling the task drains at once.
    package func run() async {}

    /// Stops accepting, closes what is idle, lets requests in flight finish; cuts what is left after `limit`.
    package func drain(within limit: Duration) async {}

    private func configurationIsThin() -> String { "" }
}
