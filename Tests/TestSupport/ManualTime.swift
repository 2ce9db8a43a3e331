package import Core
import Synchronization

/// Time that stands still until a test moves it. Sleepers wake when their moment has come; a test waits for somebody to
/// sleep before it moves on, so that nothing depends on who runs first.
package final class ManualTime: TimeSource {
    private struct Sleeper {
        let id: UInt64
        let until: Timestamp
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now: Timestamp
        var nextID: UInt64 = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<UInt64> = []
        var watchers: [(wanted: Duration, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    package init(_ now: Timestamp = Timestamp(seconds: 1_800_000_000)) { state = Mutex(State(now: now)) }

    package var now: Timestamp { state.withLock(\.now) }

    package func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now + duration
            let now = state.now
            let woken = state.sleepers.filter { $0.until <= now }
            state.sleepers.removeAll { $0.until <= now }
            return woken
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// Returns when somebody sleeps for exactly `duration` from now.
    package func sleeper(for duration: Duration) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                let until = state.now + duration
                if state.sleepers.contains(where: { $0.until == until }) { return true }
                state.watchers.append((duration, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    package func sleep(for duration: Duration) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (isOver, watchers) = state.withLock { state in
                    if state.cancelled.remove(id) != nil || duration <= .zero {
                        return (true, [CheckedContinuation<Void, Never>]())
                    }
                    let until = state.now + duration
                    state.sleepers.append(Sleeper(id: id, until: until, continuation: continuation))
                    let watchers = state.watchers.filter { $0.wanted == duration }.map(\.continuation)
                    state.watchers.removeAll { $0.wanted == duration }
                    return (false, watchers)
                }
                if isOver { continuation.resume() }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> Sleeper? in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume()
        }
        try Task.checkCancellation()
    }
}
