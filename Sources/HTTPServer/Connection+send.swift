import Glibc
import Platform

/// Writing that waits: each of these returns once the kernel has all of it, or throws.
extension Connection {
    func send(_ bytes: [UInt8], more: Bool = false, on reactor: isolated Reactor) async throws(BodyFailure) {
        var sent = 0
        while sent < bytes.count {
            let transfer = bytes.withUnsafeBytes { raw in
                Socket.send(descriptor, UnsafeRawBufferPointer(rebasing: raw[sent...]), more: more)
            }
            switch transfer {
            case .moved(let count): sent += count
            case .wouldBlock: try await waitToSend(reactor)
            case .gone: throw BodyFailure(.cut, "the client left before the answer ended")
            }
        }
    }

    /// In turns: between two of them the reactor's other connections are served.
    func send(_ file: OpenFile, _ range: Range<Int64>, on reactor: isolated Reactor) async throws(BodyFailure) {
        var offset = range.lowerBound
        var turn = 0
        while offset < range.upperBound {
            let limit = Int(min(range.upperBound - offset, Int64(Self.turn)))
            switch Socket.sendFile(descriptor, file, at: offset, count: limit) {
            case .moved(let count):
                offset += Int64(count)
                turn += count
                if turn >= Self.turn, offset < range.upperBound {
                    turn = 0
                    await Task.yield()
                }
            case .wouldBlock:
                turn = 0
                try await waitToSend(reactor)
            case .gone:
                throw BodyFailure(.cut, "the client left before the answer ended")
            }
        }
    }

    private func waitToSend(_ reactor: isolated Reactor) async throws(BodyFailure) {
        if desk.service.isCut { throw BodyFailure(.cancelled) }
        switch await reactor.wait(watch, for: .write, until: reactor.now + desk.stallTimeout) {
        case .ready: return
        case .timedOut: throw BodyFailure(.tooSlow, "the client takes nothing")
        case .ended:
            // Woken to look: only a cut, or an answer that ends with the drain, stops what is on its way.
            if desk.service.isCut || exchange?.endsOnDrain == true || watch.isRemoved { throw BodyFailure(.cancelled) }
        }
    }

    /// The answer is out and the client may still be sending: says that nothing more comes, and reads a bounded while, for
    /// a close with unread bytes is a reset that can destroy the answer before it is read (RFC 9112 §9.6).
    func linger(on reactor: isolated Reactor) async {
        shutdown(descriptor, Socket.writing)
        let deadline = reactor.now + 2_000
        var left = 4 << 20
        while left > 0 && reactor.now < deadline {
            switch Socket.receive(descriptor, into: desk.buffer) {
            case .moved(let count): left -= count
            case .gone: return
            case .wouldBlock:
                if desk.service.isCut { return }
                guard case .ready = await reactor.wait(watch, for: .read, until: deadline) else { return }
            }
        }
    }
}
