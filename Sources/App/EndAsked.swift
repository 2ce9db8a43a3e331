import Synchronization

/// Whether the end was asked for before.
final class EndAsked: Sendable {
    private let count = Atomic<Int>(0)
    func again() -> Bool { count.add(1, ordering: .relaxed).oldValue > 0 }
}
