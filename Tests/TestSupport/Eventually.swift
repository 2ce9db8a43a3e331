import Platform

/// Returns once `isSo`. Only for what sends no signal, as another process: it looks, and then pauses on a thread of its own.
/// It has no limit but the test's.
package func eventually(_ isSo: () throws -> Bool) async throws {
    let (pause, nothing) = (try Lane(name: "test-pause"), try EventSignal())
    while try !isSo() {
        try Task.checkCancellation()
        _ = try await pause.run { () throws(Errno) in try nothing.wait(until: .after(.milliseconds(5))) }
    }
}
