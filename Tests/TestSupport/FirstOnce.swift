import Synchronization

/// Says of each name whether it is heard for the first time. Safe from any thread.
package final class FirstOnce: Sendable {
    private let heard = Mutex<Set<String>>([])

    package init() {}

    package func isFirst(_ name: String) -> Bool { heard.withLock { $0.insert(name).inserted } }
}
