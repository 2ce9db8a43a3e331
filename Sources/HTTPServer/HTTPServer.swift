import CLinux
import Glibc
package import Platform
import Synchronization

/// The HTTP/1.1 server: reactors that accept and serve, one a core. It ends by `drain`, once.
package final class HTTPServer: Sendable {
    private struct Running {
        var reactors: [(reactor: Reactor, acceptor: Acceptor, thread: OSThread)] = []
        var isOver = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let service: Service
    private let running = Mutex(Running())

    package init(_ configuration: ServerConfiguration, responder: any Responder) {
        service = Service(configuration, responder)
    }

    /// Binds and starts the reactors; returns `host:port` as bound.
    package func start() throws(Errno) -> String {
        guard var address = ListenAddress(service.configuration.listen) else { throw .invalid }
        if address.isTaken() { throw Errno(code: EADDRINUSE) }
        // sendfile has no MSG_NOSIGNAL: a client that leaves must not end the process. Children get default handlers back.
        signal(SIGPIPE, SIG_IGN)
        let count = service.configuration.reactors ?? Int(sluice_usable_processors())
        var acceptors: [Acceptor] = []
        for _ in 0..<max(1, count) { acceptors.append(Acceptor(try address.listen(), service)) }
        for (index, acceptor) in acceptors.enumerated() {
            let reactor = try Reactor()
            let thread = try OSThread(name: "http-\(index)") { reactor.run() }
            service.enter()
            // Ends when the server drains, before its reactor is stopped.
            reactor.begin { reactor in await acceptor.run(on: reactor) }
            running.withLock { $0.reactors.append((reactor, acceptor, thread)) }
        }
        return address.text
    }

    /// Returns once the server was drained; cancelling the task drains at once.
    package func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = running.withLock { running in
                    if !running.isOver { running.waiting.append(continuation) }
                    return running.isOver
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            // Awaited through `run`, which returns at its end.
            Task { await drain(within: .zero) }
        }
    }

    /// Stops accepting, closes what is idle, lets requests in flight finish; cuts what is left after `limit`.
    package func drain(within limit: Duration) async {
        service.beginDraining()
        await tellAll()
        // Cancelled below, as soon as nobody is left to be cut.
        let cutter = Task { [service] in
            guard (try? await Task.sleep(for: limit)) != nil else { return }  // cancelled: all went by themselves
            service.cut()
            await tellAll()
        }
        await service.waitUntilEmpty()
        cutter.cancel()
        await cutter.value
        let (reactors, waiting) = running.withLock { running in
            defer { (running.reactors, running.waiting, running.isOver) = ([], [], true) }
            return (running.reactors, running.waiting)
        }
        for (reactor, _, _) in reactors { reactor.stop() }
        for (_, _, thread) in reactors { thread.join() }
        for continuation in waiting { continuation.resume() }
    }

    /// How many connections have a task. The others are idle, or their answers leave without one.
    var busyConnections: Int {
        get async {
            var count = 0
            for (reactor, acceptor) in running.withLock({ $0.reactors.map { ($0.reactor, $0.acceptor) } }) {
                count += await acceptor.busyConnections(on: reactor)
            }
            return count
        }
    }

    private func tellAll() async {
        let reactors = running.withLock { $0.reactors.map { ($0.reactor, $0.acceptor) } }
        for (reactor, acceptor) in reactors { await acceptor.drain(on: reactor) }
    }
}
