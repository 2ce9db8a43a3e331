import Synchronization

/// Coalesced signals that something was committed. Each wait ends at the next raise, or at once when one came since the
/// waiter last looked; a thousand raises wake a waiter once. Safe from any thread.
package final class Hints: Sendable {
    package enum Kind: Sendable, Hashable, CaseIterable {
        /// A job was enqueued or became due again.
        case jobs
        /// An event was appended to the outbox.
        case events
        /// A file of the media API was judged, or is gone.
        case media
    }

    /// How far a waiter has seen; begin with `Mark()`.
    package struct Mark: Sendable, Equatable {
        fileprivate var count: UInt64 = 0
        package init() {}
    }

    private struct Waiter {
        let id: UInt64
        let kind: Kind
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var counts: [Kind: UInt64] = [:]
        var waiters: [Waiter] = []
        var cancelled: Set<UInt64> = []
        var nextID: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// What has been raised so far is seen: taken before looking, so that nothing that comes meanwhile is missed.
    package func mark(_ kind: Kind) -> Mark {
        var mark = Mark()
        mark.count = state.withLock { $0.counts[kind, default: 0] }
        return mark
    }

    package func raise(_ kind: Kind) {
        let woken = state.withLock { state in
            state.counts[kind, default: 0] += 1
            let woken = state.waiters.filter { $0.kind == kind }
            state.waiters.removeAll { $0.kind == kind }
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    /// Ends at a raise that `mark` has not seen, or when the task is cancelled.
    package func wait(for kind: Kind, since mark: inout Mark) async {
        let seen = mark.count
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    // Cancelled before it began to wait: the handler has run already and found nobody.
                    if state.cancelled.remove(id) != nil { return true }
                    if state.counts[kind, default: 0] != seen { return true }
                    state.waiters.append(Waiter(id: id, kind: kind, continuation: continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index)
            }
            waiter?.continuation.resume()
        }
        mark.count = state.withLock { state in
            state.cancelled.remove(id)
            return state.counts[kind, default: 0]
        }
    }
}
