import CLinux
import Glibc
import Platform
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A reactor` {
    /// A reactor on a thread of its own, and both ends of a non-blocking socket pair.
    private func with(_ body: (Reactor, _ here: Int32, _ there: Int32) async throws -> Void) async throws {
        let reactor = try Reactor()
        let thread = try OSThread(name: "reactor") { reactor.run() }
        var pair: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        try Errno.check(socketpair(AF_UNIX, kind, 0, &pair))
        let here = SharedDescriptor(FileDescriptor(owning: pair[0]))
        let there = SharedDescriptor(FileDescriptor(owning: pair[1]))
        try await body(reactor, here.raw, there.raw)
        reactor.stop()
        thread.join()
    }

    @Test func `keeps a connection on its own thread through every wait`() async throws {
        try await with { reactor, here, there in
            let echo = reactor.begin { reactor in
                let home = pthread_self()
                do {
                    let watch = try reactor.watch(there)
                    var byte: UInt8 = 0
                    while true {
                        switch read(there, &byte, 1) {
                        case 1: write(there, &byte, 1)
                        case 0: return reactor.unwatch(watch)
                        default: #expect(await reactor.wait(watch, for: .read) == .ready)
                        }
                        #expect(pthread_equal(pthread_self(), home) != 0)
                    }
                } catch {
                    Issue.record(error)
                }
            }
            let client = reactor.begin { reactor in
                do {
                    let watch = try reactor.watch(here)
                    for number in 0..<1000 {
                        var byte = UInt8(truncatingIfNeeded: number)
                        write(here, &byte, 1)
                        byte = 0
                        while read(here, &byte, 1) != 1 { _ = await reactor.wait(watch, for: .read) }
                        #expect(byte == UInt8(truncatingIfNeeded: number))
                    }
                    reactor.unwatch(watch)
                    shutdown(here, Int32(SHUT_WR))
                } catch {
                    Issue.record(error)
                }
            }
            await client.value
            await echo.value
        }
    }

    @Test func `says which deadline came, however many there are`() async throws {
        try await with { reactor, here, there in
            await reactor.begin { reactor in
                do {
                    let watch = try reactor.watch(here)
                    // Later ones first: an earlier deadline must not wait behind them.
                    #expect(await reactor.wait(watch, for: .write, until: reactor.now + 3_600_000) == .ready)
                    #expect(await reactor.wait(watch, for: .read, until: reactor.now + 1) == .timedOut)
                    let began = reactor.now
                    #expect(await reactor.wait(watch, for: .read, until: began + 100) == .timedOut)
                    #expect(reactor.now >= began + 100)
                    reactor.unwatch(watch)
                } catch {
                    Issue.record(error)
                }
            }.value
            _ = there
        }
    }

    @Test func `wakes who waits for what was removed`() async throws {
        try await with { reactor, here, _ in
            await reactor.begin { reactor in
                do {
                    let watch = try reactor.watch(here)
                    let shared = Shared(watch)
                    // Runs once this task waits.
                    let other = reactor.begin { reactor in reactor.unwatch(shared.watch) }
                    #expect(await reactor.wait(watch, for: .read) == .ended)
                    await other.value
                    #expect(await reactor.wait(watch, for: .read) == .ended)
                } catch {
                    Issue.record(error)
                }
            }.value
        }
    }

    /// `@unchecked Sendable`: used on the reactor's thread alone.
    private final class Shared: @unchecked Sendable {
        let watch: Watch
        init(_ watch: Watch) { self.watch = watch }
    }

    @Test func `advances a parked owner for its event, its deadline and a wake`() async throws {
        final class Owner: WatchOwner, @unchecked Sendable {
            // Touched on the reactor's thread alone.
            var wakes: [Watch.Wake] = []
            var needs: [WatchNeed] = []
            var isOver: CheckedContinuation<Void, Never>?
            func peerLeft() {}
            func advance(_ wake: Watch.Wake, _ now: Int64) -> WatchNeed? {
                wakes.append(wake)
                guard let need = needs.popLast() else {
                    isOver?.resume()
                    return nil
                }
                return need
            }
        }
        try await with { reactor, here, there in
            await reactor.begin { reactor in
                do {
                    let owner = Owner()
                    let watch = try reactor.watch(here)
                    watch.own(owner)
                    // After the byte it waits for a deadline, and after that for nothing.
                    owner.needs = [WatchNeed(.read, until: reactor.now + 1)]
                    await withCheckedContinuation { continuation in
                        owner.isOver = continuation
                        reactor.park(watch, WatchNeed(.read, until: .max))
                        #expect(watch.isParked && owner.wakes.isEmpty)
                        write(there, "x", 1)
                    }
                    #expect(owner.wakes == [.ready, .timedOut] && !watch.isParked)
                    owner.isOver = nil
                    reactor.park(watch, WatchNeed(.read, until: .max))
                    reactor.wake(watch)
                    #expect(owner.wakes == [.ready, .timedOut, .ended] && !watch.isParked)
                    reactor.unwatch(watch)
                } catch {
                    Issue.record(error)
                }
            }.value
        }
    }

    @Test func `tells the owner that the peer has left`() async throws {
        final class Owner: WatchOwner, @unchecked Sendable {
            // Touched on the reactor's thread alone.
            var hasLeft = 0
            func peerLeft() { hasLeft += 1 }
            func advance(_ wake: Watch.Wake, _ now: Int64) -> WatchNeed? { nil }
        }
        try await with { reactor, here, there in
            await reactor.begin { reactor in
                do {
                    let owner = Owner()
                    let watch = try reactor.watch(here)
                    watch.own(owner)
                    shutdown(there, Int32(SHUT_RDWR))
                    while !watch.isHungUp { _ = await reactor.wait(watch, for: .read) }
                    #expect(owner.hasLeft >= 1)
                    reactor.unwatch(watch)
                } catch {
                    Issue.record(error)
                }
            }.value
        }
    }
}
