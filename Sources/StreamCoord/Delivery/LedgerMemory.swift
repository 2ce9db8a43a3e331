import Core
import Ledger
import Synchronization

/// Answers of the ledger, remembered: fresh ones spare it, and older ones, up to `patience`, stand in while it is away, so
/// that players go on. Nothing is ever remembered of what it denied. Safe from any thread.
final class LedgerMemory<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    struct Kept: Sendable {
        let value: Value
        /// When the ledger said so.
        let readAt: Timestamp
        /// When it said so, or was found away, last.
        let goodAt: Timestamp
    }

    private struct State {
        var kept: [Key: Kept] = [:]
        /// Keys that are being asked about again: one request asks, the others go on with what is remembered.
        var asked: Set<Key> = []
        /// Rises with every `forget`: what was read before one is not kept after it.
        var epoch: UInt64 = 0
    }

    /// A remembered answer is not used for longer than this after the ledger gave it.
    static var patience: Duration { .seconds(900) }
    /// Who has something to go on with waits no longer than this for a ledger that hangs.
    static var grace: Duration { .seconds(1) }
    /// When there are more, all are dropped and read again as they are asked for.
    private static var bound: Int { 16_384 }

    private let freshness: Duration
    private let time: any TimeSource
    private let absence: LedgerAbsence
    /// Nil is a denial.
    private let read: @Sendable (Key) async throws -> Value?
    private let state = Mutex(State())

    init(
        freshness: Duration, time: any TimeSource, absence: LedgerAbsence,
        read: @escaping @Sendable (Key) async throws -> Value?
    ) {
        self.freshness = freshness
        self.time = time
        self.absence = absence
        self.read = read
    }

    func value(for key: Key) async throws -> Kept? {
        let now = time.now
        let (known, isAsked, epoch) = state.withLock { ($0.kept[key], $0.asked.contains(key), $0.epoch) }
        if let known, now < known.readAt + freshness, known.readAt <= now { return known }
        guard let known, now < known.readAt + Self.patience else { return try await ask(key, epoch) }
        if isAsked || absence.isOn(at: now) { return excused(known, now) }
        return try await askAgain(key, known, epoch)
    }

    func forget(_ key: Key) {
        state.withLock { state in
            state.epoch += 1
            state.kept[key] = nil
        }
    }

    func forgetAll() {
        state.withLock { state in
            state.epoch += 1
            state.kept = [:]
        }
    }

    private func excused(_ known: Kept, _ now: Timestamp) -> Kept {
        Kept(value: known.value, readAt: known.readAt, goodAt: now)
    }

    // MARK: Asking

    private func ask(_ key: Key, _ epoch: UInt64) async throws -> Kept? {
        let now = time.now
        do {
            let value = try await read(key)
            absence.ended()
            let kept = value.map { Kept(value: $0, readAt: now, goodAt: now) }
            state.withLock { state in
                guard state.epoch == epoch else { return }
                if state.kept.count >= Self.bound { state.kept.removeAll() }
                state.kept[key] = kept
            }
            return kept
        } catch let failure as LedgerFailure where failure.meansAway {
            absence.noticed(failure.message, at: time.now)
            throw failure
        }
    }

    /// The answer, or what is remembered where none comes in time.
    private func askAgain(_ key: Key, _ known: Kept, _ epoch: UInt64) async throws -> Kept? {
        state.withLock { _ = $0.asked.insert(key) }
        let (answers, answer) = AsyncStream.makeStream(of: Result<Kept?, any Error>?.self)
        // Ends by the ledger's own deadline, and is one a key.
        Task {
            let result: Result<Kept?, any Error>
            do { result = .success(try await ask(key, epoch)) } catch { result = .failure(error) }
            state.withLock { _ = $0.asked.remove(key) }
            answer.yield(result)
        }
        // Cancelled below.
        let alarm = Task {
            do { try await time.sleep(for: Self.grace) } catch { return }
            answer.yield(nil)
        }
        defer { alarm.cancel() }
        for await result in answers {
            guard let result else {
                absence.noticed("it does not answer within \(Self.grace)", at: time.now)
                return stand(key, known)
            }
            do {
                return try result.get()
            } catch let failure as LedgerFailure where failure.meansAway {
                guard let stood = stand(key, known) else { throw failure }
                return stood
            }
        }
        throw CancellationError()
    }

    /// What was forgotten meanwhile does not stand in.
    private func stand(_ key: Key, _ known: Kept) -> Kept? {
        let isStill = state.withLock { $0.kept[key] != nil }
        return isStill ? excused(known, time.now) : nil
    }
}

extension LedgerFailure {
    /// It cannot be asked now; whatever else it says, it was asked.
    fileprivate var meansAway: Bool {
        switch kind {
        case .unavailable, .overloaded, .full: true
        default: false
        }
    }
}
