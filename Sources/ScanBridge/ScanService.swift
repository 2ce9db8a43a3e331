package import Core
package import Platform
internal import Synchronization

/// Scans files in jailed processes. Owned by App, which starts and stops it; safe to use from anywhere.
///
/// A verdict is about the file. A failure is about the scanner: the file keeps waiting. Neither ever becomes `clean`.
package final class ScanService: Sendable {
    private struct Running: Sendable {
        let keeper: ScanKeeper
        let lanes: LanePool
        let thread: OSThread
    }

    /// How long a file waits whose scanning process was killed or crashed. After the last of them it is unscannable.
    static let waits: [Duration] = [.seconds(2), .seconds(15)]

    private let configuration: ScanConfiguration?
    private let time: any TimeSource
    private let running = Mutex<Running?>(nil)

    package init(_ configuration: ScanConfiguration, time: any TimeSource = SystemTime()) {
        self.configuration = configuration
        self.time = time
    }

    private init() { (configuration, time) = (nil, SystemTime()) }

    /// `SLUICE_SCAN=off`: every file is let through, and its evidence says that nobody looked.
    package static let disabled = ScanService()

    package var isDisabled: Bool { configuration == nil }

    /// Loads the database and runs the canaries; throws where they fail, and may then be called again.
    package func start() async throws(ScanFailure) -> EngineInfo {
        guard let configuration else { return .off }
        guard running.withLock({ $0 }) == nil else {
            throw ScanFailure(.unavailable, "the scanner was started already")
        }
        let result = await withCheckedContinuation { continuation in
            do throws(Errno) {
                try begin(configuration) { continuation.resume(returning: $0) }
            } catch {
                continuation.resume(returning: .failure(ScanFailure(.resources, "no thread for the scanner: \(error)")))
            }
        }
        if case .failure = result { running.withLock { $0 = nil } }
        return try result.get()
    }

    private func begin(
        _ configuration: ScanConfiguration, started: @escaping @Sendable (Result<EngineInfo, ScanFailure>) -> Void
    ) throws(Errno) {
        let keeper = try ScanKeeper(configuration)
        let lanes = try LanePool(count: configuration.workers)
        // `started` may come before this function is through; `running` is set by then, as nobody else sets it.
        let thread = try OSThread(name: "scan-keeper") { keeper.run(started: started) }
        running.withLock { $0 = Running(keeper: keeper, lanes: lanes, thread: thread) }
    }

    /// Scans under way come to an end as failures. Returns when the scanner is gone.
    package func stop() async {
        guard let running = running.withLock({ $0.take() }) else { return }
        running.keeper.stop()
        // A thread for the wait: it may last as long as a database takes to load.
        await withCheckedContinuation { continuation in
            do throws(Errno) {
                _ = try OSThread(name: "scan-stop") {
                    running.thread.join()
                    continuation.resume()
                }
            } catch {
                continuation.resume()
            }
        }
    }

    /// What is in use now; nil while no scanner is up.
    package var info: EngineInfo? {
        guard configuration != nil else { return .off }
        return running.withLock { $0 }?.keeper.current.zygote?.info
    }

    /// Why there is no scanner, or why a newer database is not in use; nil if all is well.
    package var trouble: ScanFailure? {
        guard configuration != nil else { return nil }
        guard let running = running.withLock({ $0 }) else { return ScanFailure(.stopped, "the scanner is not running") }
        return running.keeper.current.trouble
    }

    package func scan(_ file: borrowing FileDescriptor, size: Int64) async throws(ScanFailure) -> Verdict {
        try await scan(descriptor: file.raw, size: size)
    }

    /// `descriptor` must stay open until this returns. A file that takes its process down each time is never clean, and
    /// is not scanned for ever.
    package func scan(descriptor: Int32, size: Int64) async throws(ScanFailure) -> Verdict {
        for wait in Self.waits {
            do {
                return try await scanOnce(descriptor, size: size)
            } catch {
                guard error.kind == .childLost else { throw error }
            }
            do {
                try await time.sleep(for: wait)
            } catch {
                throw ScanFailure(.cancelled, "the scan was cancelled")
            }
        }
        do {
            return try await scanOnce(descriptor, size: size)
        } catch {
            guard error.kind == .childLost else { throw error }
            let used = info ?? .off
            return .unscannable(
                "\(Self.waits.count + 1) times, \(error.message)",
                Evidence(engine: used.engine, database: used.database))
        }
    }

    private func scanOnce(_ descriptor: Int32, size: Int64) async throws(ScanFailure) -> Verdict {
        guard let configuration else { return .clean(Evidence(engine: "off", database: "off")) }
        guard let running = running.withLock({ $0 }) else { throw ScanFailure(.stopped, "the scanner is not running") }
        let cancelled: EventSignal
        do throws(Errno) {
            cancelled = try EventSignal()
        } catch {
            throw ScanFailure(.resources, "no descriptor for the scan: \(error)")
        }
        // The handler erases typed errors, so a result is carried through it.
        let result: Result<Verdict, ScanFailure> = await withTaskCancellationHandler {
            do throws(ScanFailure) {
                return .success(
                    try await running.lanes.run { () throws(ScanFailure) in
                        guard let zygote = running.keeper.current.zygote else {
                            throw running.keeper.current.trouble ?? ScanFailure(.stopped, "the scanner has stopped")
                        }
                        return try ScanExchange(zygote: zygote, deadline: configuration.deadline, cancelled: cancelled)
                            .run(descriptor: descriptor, size: size)
                    })
            } catch {
                return .failure(error)
            }
        } onCancel: {
            cancelled.raise()
        }
        return try result.get()
    }
}
