import Platform
import Synchronization

/// Whether the end was asked for before. What comes with the first signal is the same wish said twice: `make` passes a
/// SIGTERM on to the server, which had it already where the whole group was signalled.
final class EndAsked: Sendable {
    private let first = Mutex<Deadline?>(nil)

    var isAsked: Bool { first.withLock { $0 != nil } }

    func again() -> Bool {
        first.withLock { moment in
            guard let before = moment else {
                moment = .now
                return false
            }
            return (before + .milliseconds(500)).isPast
        }
    }
}
