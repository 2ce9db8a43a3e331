import Synchronization

@testable import Ingest

/// A body of a test: pieces, then the end, a break, or silence until it is cancelled.
final class TestSource: ByteSource {
    enum End: Sendable { case whole, cut, silent }

    private struct Status {
        var pieces: [[UInt8]]
        var isCancelled = false
        var reader: CheckedContinuation<Void, Never>?
        var whenSilent: [CheckedContinuation<Void, Never>] = []
        var isSilent = false
    }

    private let end: End
    private let status: Mutex<Status>

    init(_ bytes: [UInt8], piece: Int = 1000, end: End = .whole) {
        self.end = end
        status = Mutex(
            Status(
                pieces: stride(from: 0, to: bytes.count, by: piece).map {
                    Array(bytes[$0..<min($0 + piece, bytes.count)])
                }))
    }

    var isCancelled: Bool { status.withLock { $0.isCancelled } }

    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        let piece = status.withLock { $0.pieces.isEmpty ? nil : $0.pieces.removeFirst() }
        if let piece { return piece }
        switch end {
        case .whole: return []
        case .cut: throw IngestFailure(.bodyEnded, "The body ended early.")
        case .silent: break
        }
        await withCheckedContinuation { continuation in
            let (isCancelled, watchers) = status.withLock { status in
                status.isSilent = true
                if !status.isCancelled { status.reader = continuation }
                defer { status.whenSilent = [] }
                return (status.isCancelled, status.whenSilent)
            }
            for watcher in watchers { watcher.resume() }
            if isCancelled { continuation.resume() }
        }
        throw IngestFailure(.bodyEnded, "The body ended early.")
    }

    /// Returns once all its pieces were taken and a reader waits for more.
    func silence() async {
        await withCheckedContinuation { continuation in
            let isSilent = status.withLock { status in
                if !status.isSilent { status.whenSilent.append(continuation) }
                return status.isSilent
            }
            if isSilent { continuation.resume() }
        }
    }

    func cancel() {
        let reader = status.withLock { status in
            status.isCancelled = true
            defer { status.reader = nil }
            return status.reader
        }
        reader?.resume()
    }
}
