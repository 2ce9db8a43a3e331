import Core
import Synchronization

/// What all reactors of a server share: its bounds, its responder, how many connections there are, and whether it ends.
final class Service: Sendable {
    let configuration: ServerConfiguration
    let responder: any Responder
    private let connections = Atomic<Int>(0)
    private let acceptors = Atomic<Int>(0)
    private let phase = Atomic<Int>(0)
    private let emptied = Mutex<[CheckedContinuation<Void, Never>]>([])

    init(_ configuration: ServerConfiguration, _ responder: any Responder) {
        self.configuration = configuration
        self.responder = responder
    }

    /// New connections are not taken, idle ones close, answers say `Connection: close`.
    var isDraining: Bool { phase.load(ordering: .acquiring) >= 1 }
    /// The time to drain is over: whoever waits for a client stops.
    var isCut: Bool { phase.load(ordering: .acquiring) >= 2 }

    func beginDraining() { _ = phase.compareExchange(expected: 0, desired: 1, ordering: .acquiringAndReleasing) }
    func cut() { phase.store(2, ordering: .releasing) }

    /// An accepting loop counts as one that must leave before the server is empty.
    func enter() {
        acceptors.add(1, ordering: .relaxed)
        connections.add(1, ordering: .relaxed)
    }

    /// False when there are as many as there may be.
    func admit() -> Bool {
        let limit = configuration.maximumConnections + acceptors.load(ordering: .relaxed)
        guard connections.add(1, ordering: .relaxed).newValue > limit else { return true }
        connections.subtract(1, ordering: .relaxed)
        return false
    }

    func leave() {
        // The lock orders this against `waitUntilEmpty`: whoever asks later sees the count, whoever asked before is woken.
        guard connections.subtract(1, ordering: .acquiringAndReleasing).newValue == 0, isDraining else { return }
        let waiting = emptied.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func waitUntilEmpty() async {
        await withCheckedContinuation { continuation in
            let isEmpty = emptied.withLock { waiting in
                if connections.load(ordering: .acquiring) == 0 { return true }
                waiting.append(continuation)
                return false
            }
            if isEmpty { continuation.resume() }
        }
    }
}
