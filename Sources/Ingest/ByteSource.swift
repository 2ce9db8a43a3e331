package import HTTPServer

/// Bytes that are pulled, whatever brings them: a body, or one part of a form.
package protocol ByteSource: Sendable {
    /// Empty at the end.
    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8]
    /// Ends a pull that waits; safe from any task.
    func cancel()
    /// The piece that was pulled last is done with, and the next is not asked for yet.
    func rest()
}

extension ByteSource {
    package func rest() {}
}

package struct RequestBytes: ByteSource {
    private let body: Body

    package init(_ body: Body) { self.body = body }

    package func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        do {
            return try await body.read(upTo: count)
        } catch {
            throw IngestFailure(
                .bodyEnded,
                error.kind == .tooSlow
                    ? "The body came too slowly: \(error.message)." : "The body ended before all of it came.")
        }
    }

    package func cancel() { body.cancel() }
}
