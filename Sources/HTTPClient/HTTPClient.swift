package import Platform

/// Sends HTTP requests from one thread of its own, over connections of its own that are kept and used again. Safe to use from
/// any task; a cancelled task frees everything of its request before `send` returns. Under one `AddressPolicy` for good: what
/// may be called by one client cannot be reached through a connection of another.
package final class HTTPClient: Sendable {
    package struct Configuration: Sendable {
        package var addresses: AddressPolicy
        /// Requests on their way at once.
        package var places: Int
        /// Requests that wait for a place; one more is refused as `overloaded`.
        package var waiting: Int
        /// A file of certificates in PEM form, in place of the system's.
        package var certificates: String?
        /// Every deadline is judged by it.
        package var clock: @Sendable () -> Deadline

        package init(
            addresses: AddressPolicy, places: Int = 64, waiting: Int = 1024, certificates: String? = nil,
            clock: @escaping @Sendable () -> Deadline = { .now }
        ) {
            self.addresses = addresses
            self.places = max(1, places)
            self.waiting = max(0, waiting)
            self.certificates = certificates
            self.clock = clock
        }
    }

    private let configuration: Configuration
    let loop: TransferLoop
    private let thread: OSThread

    package init(_ configuration: Configuration) throws(Errno) {
        self.configuration = configuration
        let loop = try TransferLoop(
            places: configuration.places, waiting: configuration.waiting, clock: configuration.clock)
        self.loop = loop
        // It ends with `shutDown`, or when the last user of the client lets go.
        thread = try OSThread(name: "http-client") { loop.run() }
    }

    deinit { loop.close() }

    /// The whole answer, of any status.
    package func send(_ request: ClientRequest) async throws(ClientFailure) -> ClientResponse {
        let exchange = Exchange(bufferLimit: .max)
        try await run(request, exchange, limit: request.responseLimit, until: .ending)
        if case .failure(let failure) = exchange.ending { throw failure }
        guard let head = exchange.head else { throw ClientFailure(.cut, "The answer has no head.") }
        return ClientResponse(status: head.status, fields: head.fields, body: exchange.takeBytes().bytes)
    }

    /// The head of the answer; its body is then read from the stream, about `buffer` bytes of which wait here at most.
    package func stream(
        _ request: ClientRequest, buffer: Int = 262_144
    ) async throws(ClientFailure) -> ClientStream {
        let exchange = Exchange(bufferLimit: max(1, buffer))
        let id = try await run(request, exchange, limit: .max, until: .head)
        guard let head = exchange.head else {
            if case .failure(let failure) = exchange.ending { throw failure }
            throw ClientFailure(.cut, "The answer has no head.")
        }
        return ClientStream(status: head.status, fields: head.fields, id: id, exchange: exchange, client: self)
    }

    /// Fails what is on its way and ends the thread; returns when that is done. Later requests fail.
    package func shutDown() async {
        loop.close()
        await loop.closed()
    }

    private func submit(_ transfer: Transfer) throws(ClientFailure) {
        guard case .stream(let body) = transfer.request.body else {
            try transfer.request.check()
            return try loop.submit(transfer)
        }
        body.begin { [loop, id = transfer.id] in loop.resume(id) }
        do throws(ClientFailure) {
            try transfer.request.check()
            try loop.submit(transfer)
        } catch {
            // Its writer must hear of it as well.
            body.over()
            throw error
        }
    }

    @discardableResult
    private func run(
        _ request: ClientRequest, _ exchange: Exchange, limit: Int, until want: Exchange.Want
    ) async throws(ClientFailure) -> UInt64 {
        let id = loop.nextID()
        let transfer = Transfer(
            id: id, request, exchange: exchange, policy: configuration.addresses,
            certificates: configuration.certificates, limit: limit, clock: configuration.clock)
        // Before the handler is there: that of a task cancelled already runs at once, and must find something to cancel.
        try submit(transfer)
        await withTaskCancellationHandler {
            await exchange.wait(for: want)
        } onCancel: {
            loop.cancel(id)
        }
        return id
    }
}
