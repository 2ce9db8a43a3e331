import CLinux
import Glibc
import Platform

/// One reactor's share of the server: its listening socket and the loop that turns what arrives there into connections.
/// `@unchecked Sendable`: all but the descriptor is touched in functions isolated to its reactor.
final class Acceptor: @unchecked Sendable {
    private static let pause: Int64 = 100
    private var listener: FileDescriptor?
    private let descriptor: Int32
    private let desk: Desk
    private var watch: Watch?

    init(_ listener: consuming FileDescriptor, _ service: Service) {
        descriptor = listener.raw
        self.listener = .some(listener)
        desk = Desk(service)
    }

    func run(on reactor: isolated Reactor) async {
        let service = desk.service
        do {
            let watch = try reactor.watch(descriptor)
            self.watch = watch
            while !service.isDraining {
                switch accept(on: reactor) {
                case .all: _ = await reactor.wait(watch, for: .read)
                // Other connections' turn; there may be more in the queue.
                case .some: await Task.yield()
                // Out of descriptors or memory: the queue keeps them until there is room.
                case .none: _ = await reactor.wait(watch, for: .write, until: reactor.now + Self.pause)
                }
            }
            // Those that the kernel greeted already would be reset by the close.
            _ = accept(on: reactor)
            reactor.unwatch(watch)
            listener = nil
            service.leave()
        } catch {
            preconditionFailure("a listening socket cannot be watched: \(error)")
        }
    }

    /// Wakes the accepting loop and every connection, so that each sees that the server drains or was cut.
    func drain(on reactor: isolated Reactor) {
        watch?.wake()
        for connection in desk.connections { connection?.drain(on: reactor) }
    }

    func busyConnections(on reactor: isolated Reactor) -> Int { desk.connections.count { $0?.task != nil } }

    private enum Taken { case all, some, none }

    private func accept(on reactor: isolated Reactor) -> Taken {
        for _ in 0..<64 {
            var address = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            let listener = descriptor
            let descriptor = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { accept4(listener, $0, &length, flags) }
            }
            guard descriptor >= 0 else {
                switch errno {
                case EAGAIN: return .all
                case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .none
                default: continue  // that one is gone already: ECONNABORTED and its like
                }
            }
            let peer = withUnsafeBytes(of: &address) { Peer(socketAddress: $0.prefix(Int(length))) }
            begin(descriptor, peer, on: reactor)
        }
        return .some
    }

    private func begin(_ descriptor: Int32, _ peer: Peer, on reactor: isolated Reactor) {
        guard desk.service.admit() else {
            turnAway(descriptor, on: reactor)
            return
        }
        do {
            let connection = try Connection(descriptor, peer, desk, on: reactor)
            desk.remember(connection, descriptor)
            connection.start(on: reactor)
        } catch {
            close(descriptor)
            desk.service.leave()
        }
    }

    private func turnAway(_ descriptor: Int32, on reactor: isolated Reactor) {
        let fields = [("Retry-After", "5"), ("Content-Length", "0"), ("Connection", "close")]
        let head = ResponseHead.prefix(
            status: 503, fields: fields + desk.service.configuration.fieldsOfRefusals)
        _ = (head + desk.date(reactor.now)).withUnsafeBytes { Socket.send(descriptor, $0) }
        // Without reading what came the close is a reset, which may overtake the answer.
        shutdown(descriptor, Socket.writing)
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { _ = Socket.receive(descriptor, into: $0) }
        close(descriptor)
    }
}
