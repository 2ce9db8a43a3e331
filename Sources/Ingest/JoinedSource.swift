import Platform
import Synchronization

/// The bytes of a joined upload, read on its lane.
final class JoinedSource: ByteSource {
    private let bytes: Mutex<JoinedBytes>
    private let lane: Lane

    init(_ bytes: JoinedBytes, _ lane: Lane) {
        self.bytes = Mutex(bytes)
        self.lane = lane
    }

    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        try await lane.run { [self] () throws(IngestFailure) in
            try bytes.withLock { (bytes) throws(IngestFailure) in
                do throws(SpoolFailure) { return try bytes.read(upTo: count) } catch { throw IngestFailure(error) }
            }
        }
    }

    /// Nothing of it waits.
    func cancel() {}
}
