internal import Synchronization

/// How many tries all operations together may repeat: successes earn a little, every repetition costs. When a store is
/// down, it is not met with seven times the load.
final class RetryBudget: Sendable {
    private let capacity: Int
    private let left: Mutex<Int>

    init(capacity: Int = 500) {
        self.capacity = capacity
        left = Mutex(capacity)
    }

    /// False when it is spent.
    func take(_ cost: Int = 5) -> Bool {
        left.withLock { left in
            guard left >= cost else { return false }
            left -= cost
            return true
        }
    }

    func earn() { left.withLock { $0 = min(capacity, $0 + 1) } }
}
