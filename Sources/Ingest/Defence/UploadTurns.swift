import Core
import Synchronization

/// Bounds what lies in memory between sockets and disk, and shares it among tenants: a piece of a body is written in a turn,
/// and the more bodies come at once, the smaller their pieces are. Safe from any task.
final class UploadTurns: Sendable {
    /// Pieces that are written, hashed and synced at once; the rest wait, a piece each.
    static let places = 64
    /// All pieces together stay below this, as long as there are no more than 4,096 bodies at once.
    static let bytes = 256 << 20
    static let smallestPiece = 64 << 10

    private struct State {
        var turns = FairTurns<TenantID, CheckedContinuation<Void, Never>>(places: UploadTurns.places)
        var bodies = 0
    }

    private let state = Mutex(State())

    /// Bodies that come now.
    var bodies: Int { state.withLock { $0.bodies } }

    func enter() { state.withLock { $0.bodies += 1 } }
    func leave() { state.withLock { $0.bodies -= 1 } }

    /// How much of a body is to be read at once.
    var piece: Int { max(Self.smallestPiece, Self.bytes / max(1, bodies)) }

    /// Whoever has a turn ends it whatever happens: writing a piece needs nobody else's turn.
    func take(_ tenant: TenantID) async {
        await withCheckedContinuation { continuation in
            let isTurn = state.withLock { $0.turns.ask(continuation, of: tenant) }
            if isTurn { continuation.resume() }
        }
    }

    func end() {
        let next = state.withLock { $0.turns.end() }
        next?.resume()
    }
}

/// A body whose pieces are handed out in turns: one begins when a piece is there, and lasts until the next is asked for,
/// or the body rests.
final class TurnedSource: ByteSource {
    private let source: any ByteSource
    private let turns: UploadTurns
    private let tenant: TenantID
    private let hasTurn = Mutex(false)

    init(_ source: any ByteSource, _ turns: UploadTurns, _ tenant: TenantID) {
        self.source = source
        self.turns = turns
        self.tenant = tenant
        turns.enter()
    }

    deinit {
        endTurn()
        turns.leave()
    }

    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        endTurn()
        let piece = try await source.next(upTo: min(count, turns.piece))
        if piece.isEmpty { return piece }
        await turns.take(tenant)
        hasTurn.withLock { $0 = true }
        return piece
    }

    func cancel() { source.cancel() }
    func rest() { endTurn() }

    private func endTurn() {
        let had = hasTurn.withLock { had in
            defer { had = false }
            return had
        }
        if had { turns.end() }
    }
}
