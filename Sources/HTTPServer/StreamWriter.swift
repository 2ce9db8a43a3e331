import Synchronization

/// Takes a streamed body piece by piece. A write returns once the kernel has the bytes, so a slow client slows its writer
/// and nothing piles up.
package final class StreamWriter: Sendable {
    private let sink: any StreamSink
    private let after = Mutex<[(String, String)]>([])

    package init(_ sink: any StreamSink) { self.sink = sink }

    package func write(_ bytes: [UInt8]) async throws(BodyFailure) {
        guard !bytes.isEmpty else { return }
        try await sink.write(bytes)
    }

    package func write(_ text: String) async throws(BodyFailure) { try await write(Array(text.utf8)) }

    /// Sent after the last chunk (HTTP/1.1 only); name them in a `Trailer` field.
    package func setTrailers(_ fields: [(String, String)]) { after.withLock { $0 = fields } }

    package var trailers: [(String, String)] { after.withLock { $0 } }
}

/// Where a streamed body goes: a connection, or the memory of a test.
package protocol StreamSink: AnyObject, Sendable {
    func write(_ bytes: [UInt8]) async throws(BodyFailure)
}
