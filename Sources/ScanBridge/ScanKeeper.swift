import Platform
internal import Synchronization

/// Keeps one scanner running: starts it, starts it again when it dies, and puts a fresh one beside it when the database has
/// changed. All of it on one thread.
final class ScanKeeper: Sendable {
    struct State: Sendable {
        var zygote: Zygote?
        /// Why there is no scanner, or why the newest database is not the one in use.
        var trouble: ScanFailure?
        var isStopped = false
    }

    private static let shortestPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(30)

    private let configuration: ScanConfiguration
    private let stopping: EventSignal
    private let state = Mutex(State())

    init(_ configuration: ScanConfiguration) throws(Errno) {
        self.configuration = configuration
        stopping = try EventSignal()
    }

    var current: State { state.withLock { $0 } }

    func stop() {
        state.withLock { $0.isStopped = true }
        stopping.raise()
    }

    /// The thread's body, until `stop`. `started` is told once how the first start went; after a failed one this returns.
    func run(started: @escaping (Result<EngineInfo, ScanFailure>) -> Void) {
        defer {
            let last = state.withLock { state in
                state.isStopped = true
                return state.zygote.take()
            }
            // A scan under way holds on to it, and is not waited for.
            last?.kill()
        }
        do throws(Errno) {
            try Files.removeTree(configuration.scratch)
            try Files.makeFolder(configuration.scratch)
        } catch {
            started(.failure(ScanFailure(.resources, "no scratch folder \(configuration.scratch): \(error)")))
            return
        }
        var loaded = stamp()
        var generation = 1
        guard start(generation, report: started) else { return }

        var seen = loaded
        var pause = Self.shortestPause
        while true {
            let wake = wait(current.zygote == nil ? pause : configuration.lookEvery)
            if wake == .stop { return }
            let now = stamp()
            if wake == .lost || current.zygote == nil {
                if wake == .lost { lose() }
                generation += 1
                loaded = now
                let isUp = start(generation, report: nil)
                pause = isUp ? Self.shortestPause : min(pause * 2, Self.longestPause)
            } else if now != loaded, now == seen {
                // Only a database that stood still between two looks: they are replaced file by file.
                generation += 1
                loaded = now
                _ = start(generation, report: nil)
            }
            seen = now
        }
    }

    private func lose() {
        let lost = state.withLock { state in
            state.trouble = ScanFailure(.scannerLost, "the scanner has ended")
            return state.zygote.take()
        }
        // Outside of the lock: letting it go waits for its end.
        _ = consume lost
    }

    /// A scanner that does not come up leaves the one before it in place.
    private func start(_ generation: Int, report: ((Result<EngineInfo, ScanFailure>) -> Void)?) -> Bool {
        do throws(ScanFailure) {
            let zygote = try Zygote(configuration, folder: "\(configuration.scratch)/\(generation)")
            // The one before lives on until its last scan is through.
            let before = state.withLock { state in
                let before = state.zygote
                state.zygote = zygote
                state.trouble = nil
                return before
            }
            _ = consume before
            report?(.success(zygote.info))
            return true
        } catch {
            state.withLock { $0.trouble = error }
            report?(.failure(error))
            return false
        }
    }

    private enum Wake { case stop, lost, time }

    private func wait(_ pause: Duration) -> Wake {
        let zygote = current.zygote
        return withExtendedLifetime(zygote) {
            var set = PollSet()
            set.add(stopping.raw, .read)
            if let zygote { set.add(zygote.ended, .read) }
            do throws(Errno) {
                let ready = try set.wait(until: .after(pause))
                if ready.isEmpty { return .time }
                return ready.contains { $0.descriptor == stopping.raw } ? .stop : .lost
            } catch {
                // Polling open descriptors fails for lack of memory only: no scanner is better than a thread that spins.
                return .stop
            }
        }
    }

    private func stamp() -> DatabaseStamp? { configuration.database.map { DatabaseStamp(of: $0) } }
}
