import Core
import Glibc
import Platform

/// From a handler's value to the wire. The head is written here and nowhere else, so it is written once.
extension Connection {
    func serve(_ exchange: Exchange, on reactor: isolated Reactor) async {
        guard let request = exchange.takeRequest() else { preconditionFailure("served twice") }
        self.exchange = exchange
        await finish(await desk.service.responder.respond(to: request), request, exchange, on: reactor)
        exchange.isOver = true
        self.exchange = nil
        // A cancelled task cannot serve another request: its handlers would find themselves cancelled.
        if Task.isCancelled { mustClose = true }
    }

    /// Apart from `serve`, whose frame lives while a handler waits for its body.
    @inline(never)
    private func finish(
        _ response: consuming Response, _ request: Request, _ exchange: Exchange, on reactor: isolated Reactor
    ) async {
        // RFC 9110 §15.5.9: whatever the handler made of it, the request did not come whole in its time.
        if exchange.body.isTooSlow, (400..<500).contains(response.status) { response.status = 408 }
        do throws(BodyFailure) {
            try await send(response, to: request, exchange, on: reactor)
            if !mustClose { await drainBody(of: exchange, on: reactor) }
        } catch {
            mustClose = true
        }
    }

    /// An answer to what is no request: said, and closed.
    func refuse(_ refusal: HeadRefusal, on reactor: isolated Reactor) async {
        let status = refusal.status
        let code: FailureCode = status == 413 ? .fileTooLarge : .invalidRequest
        let id = desk.makeRequestID()
        var response = Problem.envelope(Refusal(code, "The request is refused: \(refusal.why)."), requestID: id)
        response.status = status
        mustClose = true
        mustLinger = true
        let fields = response.fields + configuration.fieldsOfRefusals + [("X-Request-Id", id.text)]
        guard case .bytes(let body) = response.body else { return }
        let head = ResponseHead.prefix(
            status: status, fields: fields + [("Content-Length", String(body.count)), ("Connection", "close")])
        do throws(BodyFailure) {
            try await send(head + desk.date(reactor.now) + body, on: reactor)
        } catch {
            mustLinger = false
        }
    }

    private func send(
        _ response: Response, to request: Request, _ exchange: Exchange, on reactor: isolated Reactor
    ) async throws(BodyFailure) {
        judgeConnection(exchange)
        exchange.hasFinalHead = true
        exchange.endsOnDrain = response.endsOnDrain
        // Filled in by hand, HTTP/1.0 has no chunks: there the close ends the stream.
        if case .stream = response.body, !exchange.head.isModern { mustClose = true }
        let isBodiless = request.method == .head || response.status == 204 || response.status == 304
        let head = headBytes(response, request, exchange, reactor)
        switch response.body {
        case .none:
            try await send(head, on: reactor)
        case _ where isBodiless:
            try await send(head, on: reactor)
        case .bytes(let bytes) where bytes.count <= 65_536:
            try await send(head + bytes, on: reactor)
        case .bytes(let bytes):
            try await send(head, more: true, on: reactor)
            try await send(bytes, on: reactor)
        case .file(let file, let range):
            try await send(head, more: !range.isEmpty, on: reactor)
            try await send(file, range, on: reactor)
        case .counted(let count, let body):
            try await send(head, more: count > 0, on: reactor)
            exchange.countedLeft = count
            try await stream(body, exchange, on: reactor)
            // The client waits for the rest: the close tells it that none comes.
            if exchange.countedLeft != 0 { throw BodyFailure(.cut, "the answer ended before its length") }
        case .stream(let body):
            try await send(head, on: reactor)
            try await stream(body, exchange, on: reactor)
        }
    }

    /// Whether another request may follow this one.
    private func judgeConnection(_ exchange: Exchange) {
        if !exchange.head.keepsAlive || desk.service.isDraining { mustClose = true }
        if exchange.body.isOver { return }
        // A client that was not told to continue may send its body or not: what comes next cannot be told. A body too
        // long to read away is not worth it, and one that is broken ends nowhere.
        let isShort = exchange.body.left.map { $0 <= configuration.drainedBody } ?? true
        if exchange.owesContinue || exchange.body.isBroken || exchange.isCancelled || !isShort {
            mustClose = true
            mustLinger = !exchange.isCancelled
        }
    }

    private func headBytes(
        _ response: Response, _ request: Request, _ exchange: Exchange, _ reactor: isolated Reactor
    ) -> [UInt8] {
        var head = ResponseHead.prefix(status: response.status, fields: response.fields)
        switch response.body {
        case .none where response.status == 204 || response.status == 304: break
        case .none: ResponseHead.append("Content-Length", "0", to: &head)
        case .bytes(let bytes): ResponseHead.append("Content-Length", String(bytes.count), to: &head)
        case .file(_, let range): ResponseHead.append("Content-Length", String(range.count), to: &head)
        case .counted(let count, _): ResponseHead.append("Content-Length", String(count), to: &head)
        case .stream where exchange.head.isModern: ResponseHead.append("Transfer-Encoding", "chunked", to: &head)
        case .stream: break
        }
        if response["X-Request-Id"] == nil { ResponseHead.append("X-Request-Id", request.id.text, to: &head) }
        if mustClose {
            ResponseHead.append("Connection", "close", to: &head)
        } else if !exchange.head.isModern {
            ResponseHead.append("Connection", "keep-alive", to: &head)
        }
        head += desk.date(reactor.now)
        return head
    }

    private func stream(
        _ body: @Sendable (StreamWriter) async throws -> Void, _ exchange: Exchange, on reactor: isolated Reactor
    ) async throws(BodyFailure) {
        let writer = StreamWriter(exchange)
        do {
            try await body(writer)
        } catch {
            // The head is out; a body that just stops is how a failure is told (RFC 9112 §8).
            throw error as? BodyFailure ?? BodyFailure(.cancelled, "\(error)")
        }
        guard exchange.head.isModern, exchange.countedLeft == nil else { return }
        var end = Array("0\r\n".utf8)
        for (name, value) in writer.trailers { ResponseHead.append(name, value, to: &end) }
        end += "\r\n".utf8
        try await send(end, on: reactor)
    }

    func writeStream(_ bytes: [UInt8], of exchange: Exchange, on reactor: isolated Reactor) async throws(BodyFailure) {
        guard !exchange.isOver, !exchange.isCancelled else { throw BodyFailure(.cancelled) }
        if let left = exchange.countedLeft {
            guard bytes.count <= left else { throw BodyFailure(.cancelled, "more was written than was announced") }
            exchange.countedLeft = left - Int64(bytes.count)
            return try await send(bytes, on: reactor)
        }
        guard exchange.head.isModern else { return try await send(bytes, on: reactor) }
        var chunk = Array(String(bytes.count, radix: 16).utf8)
        chunk.reserveCapacity(bytes.count + 24)
        chunk += "\r\n".utf8
        chunk += bytes
        chunk += "\r\n".utf8
        try await send(chunk, on: reactor)
    }

    func sendInterim(
        _ status: Int, _ fields: [(String, String)], of exchange: Exchange, on reactor: isolated Reactor
    ) async throws(BodyFailure) {
        precondition((100..<200).contains(status) && status != 101, "\(status) is no interim response")
        guard exchange.head.isModern, !exchange.hasFinalHead, !exchange.isOver else { return }
        if status == 100 { exchange.owesContinue = false }
        try await send(ResponseHead.prefix(status: status, fields: fields) + Array("\r\n".utf8), on: reactor)
    }
}
