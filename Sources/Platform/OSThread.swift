internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread of our own, for what may block or must stay on one thread for good. It is not stopped from outside: whoever
/// starts it gives its body an end.
package final class OSThread: Sendable {
    private let thread: pthread_t
    private let isOver = Mutex(false)

    /// The kernel cuts a name after 15 bytes.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                sluice_name_thread(String(start.name.prefix(15)))
                start.body()
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw Errno(code: code).at("start the thread", name)
        }
        self.thread = thread
    }

    deinit {
        if !isOver.withLock({ $0 }) { pthread_detach(thread) }
    }

    /// Waits for its end. A second call returns at once.
    package func join() {
        let first = isOver.withLock { isOver in
            defer { isOver = true }
            return !isOver
        }
        if first { pthread_join(thread, nil) }
    }

    package var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}
