import HTTPServer
import Ledger
import Synchronization

@testable import StreamCoord

/// A ledger that a test may take away, or make hang.
final class DistantLedger: LedgerStore {
    enum Reach: Sendable { case near, away, hangs }

    private struct State {
        var reach = Reach.near
        var reads = 0
        var hanging: [CheckedContinuation<Void, Never>] = []
    }

    private let ledger: any LedgerStore
    private let state = Mutex(State())

    init(_ ledger: any LedgerStore) { self.ledger = ledger }

    var hints: Hints { ledger.hints }
    /// How often it was asked.
    var reads: Int { state.withLock(\.reads) }

    func set(_ reach: Reach) {
        let hanging = state.withLock { state in
            state.reach = reach
            defer { state.hanging = [] }
            return state.hanging
        }
        for one in hanging { one.resume() }
    }

    func write<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        try await ledger.write(label, body)
    }

    func read<T: Sendable>(
        _ label: StaticString, _ body: @escaping @Sendable (Transaction) throws -> T
    ) async throws -> T {
        let reach = state.withLock { state in
            state.reads += 1
            return state.reach
        }
        switch reach {
        case .near: return try await ledger.read(label, body)
        case .away: throw LedgerFailure(.unavailable, "The ledger is away.")
        case .hangs:
            await withCheckedContinuation { continuation in
                state.withLock { $0.hanging.append(continuation) }
            }
            return try await ledger.read(label, body)
        }
    }

    func close() async { await ledger.close() }
}

/// What delivery said of the ledger.
final class Notices: Sendable {
    private struct State {
        var list: [LedgerAbsence.Notice] = []
        var waiting: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Mutex(State())

    var list: [LedgerAbsence.Notice] { state.withLock(\.list) }

    func add(_ notice: LedgerAbsence.Notice) {
        let woken = state.withLock { state in
            state.list.append(notice)
            guard let waiting = state.waiting, waiting.count <= state.list.count else {
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiting = nil
            return waiting.continuation
        }
        woken?.resume()
    }

    func reach(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isReached = state.withLock { state in
                if state.list.count >= count { return true }
                state.waiting = (count, continuation)
                return false
            }
            if isReached { continuation.resume() }
        }
    }
}

final class TakenBytes: StreamSink {
    private let taken = Mutex<[UInt8]>([])

    var bytes: [UInt8] { taken.withLock { $0 } }

    func write(_ bytes: [UInt8]) async throws(BodyFailure) { taken.withLock { $0 += bytes } }
}
