import Core
import Platform
import Synchronization

/// One request and its response on a connection, for as long as they last: what a handler's body, interim responses and
/// stream write through. Handlers may be on any executor, so each call goes to the reactor first; on it that is no hop.
/// `@unchecked Sendable`: all but the two atomics and the trailers is touched in functions isolated to the reactor.
final class Exchange: @unchecked Sendable {
    let connection: Connection
    let reactor: Reactor
    let head: ParsedHead
    var body: BodyReader
    /// The client waits for `100 Continue` before it sends its body.
    var owesContinue: Bool
    var hasFinalHead = false
    /// The response is out: what still holds the body or the writer holds nothing.
    var isOver = false
    var endsOnDrain = false
    /// Of an answer whose length was announced, what is still to be written.
    var countedLeft: Int64?
    private var request: Request?
    private let cancelled = Atomic<Bool>(false)
    let trailersRead = Mutex<Fields>(.none)

    init(_ connection: Connection, _ bytes: Span<UInt8>, _ head: ParsedHead) {
        self.connection = connection
        reactor = connection.reactor
        self.head = head
        body = BodyReader(head)
        owesContinue = head.expectsContinue
        request = makeRequest(bytes)
    }

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    /// Copies the head once: its fields are looked up in that copy.
    private func makeRequest(_ bytes: Span<UInt8>) -> Request {
        let copy = bytes.extracting(0..<head.byteCount).withUnsafeBufferPointer { Array($0) }
        let fields = Fields(bytes: copy, slots: connection.desk.parser.slots)
        func text(_ range: Range<Int>) -> String { String(decoding: copy[range], as: UTF8.self) }
        let given = head.isPlain ? nil : fields["x-request-id"].flatMap { RequestID($0) }
        let body =
            head.hasBody ? Body(length: head.isChunked ? nil : head.contentLength, source: self) : Body(bytes: [])
        return Request(
            method: Method(text(head.methodText)), path: text(head.path), query: Query(text(head.query)),
            fields: fields,
            body: body, id: given ?? connection.desk.makeRequestID(), peer: connection.peer,
            host: (head.authority ?? head.host).map(text), interimWriter: self)
    }

    /// Once: the request holds this exchange as its body, and is not to be held by it in turn.
    func takeRequest() -> Request? {
        defer { request = nil }
        return request
    }

    func drain(isCut: Bool) {
        guard isCut || endsOnDrain else { return }
        cancelled.store(true, ordering: .releasing)
        connection.task?.cancel()
        connection.watch.wake()
    }
}

extension Exchange: BodySource {
    func read(upTo count: Int) async throws(BodyFailure) -> [UInt8] {
        precondition(count > 0, "a read of nothing could not be told from the end")
        return try await connection.readBody(of: self, upTo: count, on: reactor)
    }

    func cancel() {
        guard !cancelled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        // Ends at once; nobody need wait for it.
        reactor.begin { [self] _ in if !isOver { connection.watch.wake() } }
    }

    var trailers: Fields { trailersRead.withLock { $0 } }
}

extension Exchange: InterimWriter {
    func interim(_ status: Int, _ fields: [(String, String)]) async throws(BodyFailure) {
        try await connection.sendInterim(status, fields, of: self, on: reactor)
    }
}

extension Exchange: StreamSink {
    func write(_ bytes: [UInt8]) async throws(BodyFailure) {
        try await connection.writeStream(bytes, of: self, on: reactor)
    }
}
