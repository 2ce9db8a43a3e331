internal import Glibc

/// The signals of the whole process. Children get none of this: they start with the defaults and an empty mask.
package enum Signals {
    package static let terminate = SIGTERM
    package static let interrupt = SIGINT
    package static let hangUp = SIGHUP
    package static let kill = SIGKILL
    package static let user1 = SIGUSR1

    /// Writing to what nobody reads is an error from now on, no longer the end of the process.
    package static func ignorePipe() { _ = signal(SIGPIPE, SIG_IGN) }

    /// Keeps the signals for `watch`. Called by the main thread before there is another: a thread gets the mask of its maker.
    package static func block(_ signals: [Int32]) {
        var set = mask(signals)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Calls `body` for each of the signals, which were blocked before, on a thread that lives as long as the process.
    package static func watch(_ signals: [Int32], _ body: @escaping @Sendable (Int32) -> Void) throws(Errno) {
        _ = try OSThread(name: "signals") {
            var set = mask(signals)
            while true {
                var signal: Int32 = 0
                if sigwait(&set, &signal) == 0 { body(signal) }
            }
        }
    }

    /// Signals another process; `Errno.noSuchProcess` if there is none.
    package static func send(_ signal: Int32, to process: Int32) throws(Errno) {
        try Errno.check(Glibc.kill(process, signal))
    }

    static func mask(_ signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }
}
