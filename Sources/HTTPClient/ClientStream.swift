/// An answer that is read as it comes. The server is not read faster than the reader; what was not read when the stream goes
/// away is dropped with its connection. For one reader.
package final class ClientStream: Sendable {
    package let status: Int
    package let fields: ClientFields
    private let id: UInt64
    private let exchange: Exchange
    /// Keeps the thread alive that feeds it.
    private let client: HTTPClient

    init(status: Int, fields: ClientFields, id: UInt64, exchange: Exchange, client: HTTPClient) {
        self.status = status
        self.fields = fields
        self.id = id
        self.exchange = exchange
        self.client = client
    }

    deinit { client.loop.cancel(id) }

    /// The bytes that came since, at least one; nil at the end of the body. A cancelled task ends the whole transfer.
    package func next() async throws(ClientFailure) -> [UInt8]? {
        await withTaskCancellationHandler {
            await exchange.wait(for: .bytes)
        } onCancel: {
            client.loop.cancel(id)
        }
        let (bytes, wasPaused) = exchange.takeBytes()
        if wasPaused { client.loop.resume(id) }
        if !bytes.isEmpty { return bytes }
        if case .failure(let failure) = exchange.ending { throw failure }
        return nil
    }

    package func cancel() { client.loop.cancel(id) }
}
