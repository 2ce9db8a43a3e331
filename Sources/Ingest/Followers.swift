/// Who waits for the frontier of an upload to move. Bounded by who follows: an encoder, and a stream of events.
struct Followers {
    private var waiting: [UInt64: (past: Int64, continuation: CheckedContinuation<Void, Never>)] = [:]
    /// Tickets whose task was cancelled before it came to wait.
    private var cancelled: Set<UInt64> = []
    private var last: UInt64 = 0

    mutating func ticket() -> UInt64 {
        last += 1
        return last
    }

    /// False when its task is cancelled already.
    mutating func add(_ ticket: UInt64, past count: Int64, _ continuation: CheckedContinuation<Void, Never>) -> Bool {
        if cancelled.remove(ticket) != nil { return false }
        waiting[ticket] = (count, continuation)
        return true
    }

    mutating func cancel(_ ticket: UInt64) {
        if let one = waiting.removeValue(forKey: ticket) { one.continuation.resume() } else { cancelled.insert(ticket) }
    }

    /// Its wait is over; a cancellation that came late leaves nothing behind.
    mutating func forget(_ ticket: UInt64) { cancelled.remove(ticket) }

    mutating func moved(to offset: Int64) {
        for (ticket, one) in waiting where offset > one.past {
            waiting[ticket] = nil
            one.continuation.resume()
        }
    }

    mutating func end() {
        for one in waiting.values { one.continuation.resume() }
        waiting = [:]
    }
}
