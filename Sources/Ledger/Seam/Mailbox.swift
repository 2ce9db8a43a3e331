import Glibc
import Platform

/// A bounded queue that threads wait on: tasks put in without blocking, a connection's own thread takes out.
///
/// `@unchecked Sendable`: every access to `elements` and `isClosed` is under `mutex`, which lives as long as the object.
final class Mailbox<Element: Sendable>: @unchecked Sendable {
    enum Answer { case taken, full, closed }

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let capacity: Int
    private var elements: [Element] = []
    private var isClosed = false

    init(capacity: Int) {
        self.capacity = capacity
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(arrived, nil)
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(mutex)
        arrived.deallocate()
        mutex.deallocate()
    }

    func put(_ element: Element) -> Answer {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isClosed { return .closed }
        if elements.count >= capacity { return .full }
        elements.append(element)
        pthread_cond_signal(arrived)
        return .taken
    }

    /// Waits for at least one; nil once it is closed and empty.
    func take(upTo limit: Int) -> [Element]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while elements.isEmpty {
            if isClosed { return nil }
            pthread_cond_wait(arrived, mutex)
        }
        let taken = Array(elements.prefix(limit))
        elements.removeFirst(taken.count)
        return taken
    }

    /// What is in it will still be taken.
    func close() {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        isClosed = true
        pthread_cond_broadcast(arrived)
    }
}

/// A thread of our own, for calls that block; it ends when `body` does.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(LedgerFailure) {
    do {
        _ = try OSThread(name: name, body)
    } catch {
        throw LedgerFailure(.unavailable, "No thread could be started for the ledger: \(error).")
    }
}
