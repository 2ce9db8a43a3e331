import Platform

/// Runs what polls pipes on a thread of its own, and raises `stop` when the waiting task is cancelled.
func onThread<Value: Sendable>(
    _ name: String, stop: EventSignal, _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    let lane = try Lane(name: name)
    return try await withTaskCancellationHandler {
        try await lane.run(body)
    } onCancel: {
        stop.raise()
    }
}
