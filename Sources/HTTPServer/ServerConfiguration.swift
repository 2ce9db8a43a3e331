/// Every bound of the server, with the defaults of the contracts.
package struct ServerConfiguration: Sendable {
    /// `host:port`; port 0 picks a free one.
    package var listen: String
    package var maximumConnections = 16_384
    package var idleTimeout = Duration.seconds(75)
    /// From a head's first byte to its last; past it 408.
    package var headTimeout = Duration.seconds(30)
    /// How long a body, or a client that takes a response, may stand still.
    package var stallTimeout = Duration.seconds(30)
    /// Below this average, once `stallTimeout` has been waited in all, a body is too slow.
    package var minimumBytesPerSecond: Int64 = 128
    package var maximumRequestLine = 8_192
    package var maximumHead = 16_384
    package var maximumFields = 100
    package var maximumBody: Int64 = 64 << 30
    /// Of a body that nobody read, this much is read away so that the connection lives on.
    package var drainedBody: Int64 = 262_144
    /// Added to the answers the server gives by itself, to what is no request: CORS.
    package var fieldsOfRefusals: [(String, String)] = []
    /// Nil is one a core that this process may run on.
    package var reactors: Int?

    package init(listen: String = "127.0.0.1:0") { self.listen = listen }
}
