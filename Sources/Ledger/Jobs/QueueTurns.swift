package import Core

/// Whose turn it is among queues that have work: smooth weighted choice. Each gains its weight, the richest goes and pays
/// the sum, so that 5 : 3 comes out interleaved and not as five in a row. Pure; each claimer keeps its own.
package struct QueueTurns: Sendable, Equatable {
    private var credit: [Queue: Int] = [:]

    package init() {}

    package mutating func next(among ready: [Queue]) -> Queue? {
        var best: Queue?
        var total = 0
        for queue in Queue.allCases where ready.contains(queue) {
            credit[queue, default: 0] += queue.weight
            total += queue.weight
            if best.map({ credit[queue, default: 0] > credit[$0, default: 0] }) ?? true { best = queue }
        }
        if let best { credit[best, default: 0] -= total }
        // An idle queue must not come back with the credit or the debt of an hour ago.
        for queue in Queue.allCases where !ready.contains(queue) { credit[queue] = nil }
        return best
    }
}
