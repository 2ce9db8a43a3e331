import Glibc
import Platform
import Synchronization

/// Bodies are read from the socket when a handler asks for them, straight into the array it gets.
extension Connection {
    func readBody(of exchange: Exchange, upTo count: Int, on reactor: isolated Reactor) async throws(BodyFailure)
        -> [UInt8]
    {
        guard !exchange.isOver else { throw BodyFailure(.cancelled, "the request is answered") }
        guard !exchange.body.isBeingRead else { throw BodyFailure(.malformed, "two read one body") }
        exchange.body.isBeingRead = true
        defer { exchange.body.isBeingRead = false }
        do {
            return try await pull(exchange, count, reactor)
        } catch {
            exchange.body.isBroken = true
            throw error
        }
    }

    private func pull(_ exchange: Exchange, _ count: Int, _ reactor: isolated Reactor) async throws(BodyFailure)
        -> [UInt8]
    {
        while true {
            if exchange.isCancelled || exchange.isOver { throw BodyFailure(.cancelled) }
            if exchange.body.isOver { return [] }
            if exchange.body.isBroken { throw BodyFailure(.cut) }
            if exchange.owesContinue && !exchange.hasFinalHead {
                exchange.owesContinue = false
                if pending.isEmpty { try await send(Self.continueHead, on: reactor) }
            }
            let part = try take(exchange, count)
            exchange.body.received += Int64(part.count)
            if !part.isEmpty { return part }
            if exchange.body.isOver { return [] }
            try await waitForBody(exchange, reactor)
        }
    }

    private static let continueHead = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    private func waitForBody(_ exchange: Exchange, _ reactor: isolated Reactor) async throws(BodyFailure) {
        let began = reactor.now
        let stall = desk.stallTimeout
        switch await reactor.wait(watch, for: .read, until: began + stall) {
        case .ready: break
        case .timedOut:
            exchange.body.isTooSlow = true
            throw BodyFailure(.tooSlow, "no byte came for \(configuration.stallTimeout)")
        case .ended: throw BodyFailure(.cancelled)
        }
        exchange.body.waited += reactor.now - began
        if let why = exchange.body.slowness(grace: stall, least: configuration.minimumBytesPerSecond) {
            exchange.body.isTooSlow = true
            throw BodyFailure(.tooSlow, why)
        }
    }

    /// What is here, without waiting; empty when nothing is, or at the end.
    private func take(_ exchange: Exchange, _ count: Int) throws(BodyFailure) -> [UInt8] {
        switch exchange.body.framing {
        case .none:
            return []
        case .counted(let left):
            let part = try takeData(Int(min(Int64(count), left)))
            exchange.body.framing = .counted(left - Int64(part.count))
            return part
        case .chunked(var decoder):
            // Out of the enum while it changes, so that its trailers are not copied.
            exchange.body.framing = .none
            defer { exchange.body.framing = .chunked(decoder) }
            return try takeChunks(&decoder, exchange, count)
        }
    }

    /// Shorter pieces of a chunk are read together with what follows them.
    private static let directRead = 4_096

    private func takeChunks(_ decoder: inout ChunkDecoder, _ exchange: Exchange, _ count: Int) throws(BodyFailure)
        -> [UInt8]
    {
        var whole: [UInt8] = []
        // Out of the connection while the loop runs: each access to a class's member is checked.
        var bytes = PendingBytes()
        swap(&bytes, &pending)
        defer { swap(&bytes, &pending) }
        while whole.count < count {
            switch decoder.next(bytes.span) {
            case .more:
                guard try refill(&bytes) else { return whole }
            case .framing(let size):
                bytes.consume(size)
            case .data(let left):
                let before = whole.count
                let room = Int(min(Int64(count - before), left))
                if !bytes.isEmpty {
                    bytes.move(upTo: room, to: &whole)
                } else if room >= Self.directRead {
                    let part = try takeData(room)
                    if whole.isEmpty { whole = part } else { whole += part }
                } else {
                    // One call for many small chunks.
                    guard try refill(&bytes) else { return whole }
                    continue
                }
                if whole.count == before { return whole }
                decoder.took(whole.count - before)
            case .end(let size):
                bytes.consume(size)
                if !decoder.trailers.isEmpty {
                    let trailers = Fields(decoder.trailers)
                    exchange.trailersRead.withLock { $0 = trailers }
                }
                return whole
            case .malformed(let why):
                throw BodyFailure(.malformed, why)
            }
        }
        return whole
    }

    /// Up to `count` bytes of data: first what was read along with the head, then from the socket until it is empty.
    private func takeData(_ count: Int) throws(BodyFailure) -> [UInt8] {
        if !pending.isEmpty {
            var part: [UInt8] = []
            pending.move(upTo: count, to: &part)
            return part
        }
        var isGone = false
        let part = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let room = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[filled...]))
                guard case .moved(let size) = receive(room, &isGone) else { break }
                filled += size
            }
        }
        if part.isEmpty && isGone { throw BodyFailure(.cut, "the client left before its body ended") }
        // A small part must not hold the room of a large one.
        return part.count < count / 4 ? part.withUnsafeBufferPointer { Array($0) } : part
    }

    private func receive(_ room: UnsafeMutableRawBufferPointer, _ isGone: inout Bool) -> Socket.Transfer {
        let transfer = Socket.receive(descriptor, into: room)
        if case .gone = transfer { isGone = true }
        return transfer
    }

    /// More bytes into `bytes`; false when none is here.
    private func refill(_ bytes: inout PendingBytes) throws(BodyFailure) -> Bool {
        var isGone = false
        let room = UnsafeMutableRawBufferPointer(rebasing: desk.buffer[..<16_384])
        guard case .moved(let size) = receive(room, &isGone) else {
            if isGone { throw BodyFailure(.cut, "the client left before its body ended") }
            return false
        }
        bytes.append(UnsafeRawBufferPointer(rebasing: room[..<size]))
        return true
    }

    /// After the answer: reads an unread body away when that is cheap, so that the connection can serve on.
    func drainBody(of exchange: Exchange, on reactor: isolated Reactor) async {
        var left = configuration.drainedBody
        while !exchange.body.isOver && left > 0 {
            do throws(BodyFailure) {
                left -= Int64(try await pull(exchange, 65_536, reactor).count)
            } catch {
                break
            }
        }
        if !exchange.body.isOver {
            mustClose = true
            mustLinger = true
        }
    }
}
