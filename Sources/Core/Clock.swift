#if canImport(Glibc)
    internal import Glibc
#endif

/// What time it is, and how to wait. Everything that reads a clock is handed one, so that tests move it by hand.
package protocol TimeSource: Sendable {
    var now: Timestamp { get }
    /// Ends early only by cancellation.
    func sleep(for duration: Duration) async throws
}

package struct SystemTime: TimeSource {
    package init() {}

    package var now: Timestamp {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration)
    }
}
