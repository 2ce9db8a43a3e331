import Glibc
import Platform

/// One connection, from accept to close. While it waits for a request, or for a client that reads a quick answer, it is
/// parked: it has no task and no buffer, because a task keeps its largest frames until it ends. What can be done without
/// waiting is done in place; a task begins for the rest and ends when the connection is parked again.
///
///     parked ──event──▶ step ──.wait──▶ parked
///                         └──.serve, .refuse, .yield, .close──▶ task ──.wait──▶ parked
///                                                                └──▶ closed
///
/// `@unchecked Sendable`: every member is touched in functions isolated to its reactor, or called by the reactor on its
/// own thread (`advance`, `peerLeft`).
final class Connection: @unchecked Sendable {
    /// What came and was not consumed: part of a head, the start of a body, a pipelined request. Empty while idle.
    var pending = PendingBytes()
    var exchange: Exchange?
    /// Nil while the connection is parked.
    var task: Task<Void, Never>?
    let desk: Desk
    let peer: Peer
    let reactor: Reactor
    private(set) var watch: Watch
    /// When the head that has begun must be whole; 0 while none has.
    private var headDeadline: Int64 = 0
    /// The rest of a quick answer that the socket did not take at once.
    var unsent: Unsent?
    /// The last send stopped because its share of the turn was used up, not because the socket is full.
    var hadItsTurn = false
    var mustClose = false
    /// Unread bytes may be on the way, so a plain close could reset the connection before the answer is read.
    var mustLinger = false

    final class Unsent {
        let file: OpenFile
        var head: [UInt8]
        var offset: Int64
        let end: Int64

        init(file: OpenFile, head: [UInt8], offset: Int64, end: Int64) {
            self.file = file
            self.head = head
            self.offset = offset
            self.end = end
        }
    }

    enum Step {
        case wait(Watch.Interest, until: Int64)
        case serve(Exchange)
        /// Others first: this connection had its share of the turn.
        case yield
        case refuse(HeadRefusal)
        case close
    }

    /// What the task begins with.
    private var found: Step?

    init(_ descriptor: Int32, _ peer: Peer, _ desk: Desk, on reactor: isolated Reactor) throws(Errno) {
        self.desk = desk
        self.peer = peer
        self.reactor = reactor
        watch = try reactor.watch(descriptor)
        watch.own(self)
    }

    var configuration: ServerConfiguration { desk.service.configuration }
    var descriptor: Int32 { watch.descriptor }

    /// After the accept.
    func start(on reactor: isolated Reactor) {
        switch step(reactor.now) {
        case .wait(let interest, let deadline): reactor.park(watch, WatchNeed(interest, until: deadline))
        case let other: begin(other)
        }
    }

    private func begin(_ step: Step) {
        found = step
        // Counted in `Service`, which `drain` waits for; cancelled by the connection when the peer leaves.
        task = reactor.begin { reactor in await self.run(on: reactor) }
    }

    /// Until the connection can be parked, or is over.
    private func run(on reactor: isolated Reactor) async {
        while true {
            let next = found ?? step(reactor.now)
            found = nil
            if case .wait(let interest, let deadline) = next {
                task = nil
                return reactor.park(watch, WatchNeed(interest, until: deadline))
            }
            guard await act(next, on: reactor) else { return await end(on: reactor) }
        }
    }

    /// False when the connection is over.
    private func act(_ step: Step, on reactor: isolated Reactor) async -> Bool {
        switch step {
        case .serve(let exchange):
            await serve(exchange, on: reactor)
            return !mustClose
        case .refuse(let refusal):
            await refuse(refusal, on: reactor)
            return false
        case .yield:
            await Task.yield()
            return true
        case .wait:
            return true
        case .close:
            return false
        }
    }

    private func end(on reactor: isolated Reactor) async {
        if mustLinger { await linger(on: reactor) }
        reactor.unwatch(watch)
        desk.forget(descriptor)
        task = nil
        Glibc.close(descriptor)
        desk.service.leave()
    }

    /// An idle connection goes in silence; one whose head has begun is told why.
    private var lateStep: Step {
        unsent == nil && !pending.isEmpty ? .refuse(HeadRefusal(status: 408, why: "the head took too long")) : .close
    }

    /// All that can be done without waiting: read, parse, answer from the quick path, again while there is more.
    private func step(_ now: Int64) -> Step {
        if unsent != nil, let step = sendRest(now) { return step }
        if mustClose { return .close }
        var answered = 0
        while true {
            let fromPending = !pending.isEmpty
            if fromPending, let step = parsePending(now, &answered) { return step }
            let buffer = desk.buffer
            switch Socket.receive(descriptor, into: buffer) {
            case .gone:
                return .close
            case .wouldBlock:
                return waitStep(now)
            case .moved(let count):
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                // A head that comes in pieces is put together; the usual one is parsed where it was read.
                if !pending.isEmpty {
                    pending.append(bytes)
                    if let step = parsePending(now, &answered) { return step }
                } else if let step = parse(bytes, now, &answered) {
                    return step
                }
                // A short read emptied the socket, unless the end was there already: its edge has been used.
                if count < buffer.count && !watch.isHungUp { return waitStep(now) }
            }
        }
    }

    private func waitStep(_ now: Int64) -> Step {
        if pending.isEmpty {
            headDeadline = 0
            return desk.service.isDraining ? .close : .wait(.read, until: now + desk.idleTimeout)
        }
        if desk.service.isCut { return .close }
        if headDeadline == 0 { headDeadline = now + desk.headTimeout }
        return .wait(.read, until: headDeadline)
    }

    private func parsePending(_ now: Int64, _ answered: inout Int) -> Step? {
        pending.takeAll().withUnsafeBytes { parse($0, now, &answered) }
    }

    /// Answers what is whole in `bytes` and keeps the rest. Nil when more bytes are needed.
    private func parse(_ bytes: UnsafeRawBufferPointer, _ now: Int64, _ answered: inout Int) -> Step? {
        var rest = bytes
        while !rest.isEmpty {
            let span = Span<UInt8>(_unsafeBytes: rest)
            switch desk.parser.parse(span) {
            case .incomplete:
                pending = PendingBytes(rest)
                return nil
            case .refused(let refusal):
                return .refuse(refusal)
            case .head(let head):
                headDeadline = 0
                let after = UnsafeRawBufferPointer(rebasing: rest[head.byteCount...])
                if let file = quick(span, head) {
                    let isSent = sendQuick(file, isHead: head.method == .head, now)
                    answered += 1
                    if !isSent || answered >= 16 {
                        pending = PendingBytes(after)
                        if mustClose { return .close }
                        return isSent ? .yield : sendRest(now) ?? .yield
                    }
                    rest = after
                } else {
                    pending = PendingBytes(after)
                    return exchangeStep(span, head)
                }
            }
        }
        return nil
    }

    private func quick(_ bytes: Span<UInt8>, _ head: ParsedHead) -> QuickFile? {
        guard head.isPlain, head.method != .other, head.keepsAlive, head.isModern, !head.hasBody,
            !desk.service.isDraining
        else { return nil }
        let slots = desk.parser.slots
        return desk.service.responder.quick(RequestHead(bytes: bytes, parsed: head, slots: slots.span))
    }

    private func exchangeStep(_ bytes: Span<UInt8>, _ head: ParsedHead) -> Step {
        if let length = head.contentLength, length > configuration.maximumBody {
            return .refuse(HeadRefusal(status: 413, why: "the body is longer than \(configuration.maximumBody) bytes"))
        }
        return .serve(Exchange(self, bytes, head))
    }
}

extension Connection: WatchOwner {
    func advance(_ wake: Watch.Wake, _ now: Int64) -> WatchNeed? {
        let step = wake == .timedOut ? lateStep : step(now)
        if case .wait(let interest, let deadline) = step { return WatchNeed(interest, until: deadline) }
        begin(step)
        return nil
    }

    /// The client will not read the answer: whatever is being done for it alone may stop. Not while its body is still to
    /// be read, which will find out by itself how much of it came.
    func peerLeft() {
        guard let exchange, exchange.body.isOver || watch.isBroken else { return }
        task?.cancel()
    }

    /// The server drains (or was cut): idle connections see it when they wake, endless answers are ended.
    func drain(on reactor: isolated Reactor) {
        if let exchange {
            exchange.drain(isCut: desk.service.isCut)
        } else {
            reactor.wake(watch)
        }
    }
}
