import Synchronization

/// The bytes of the part `file` of a form, pulled; what follows it is read to the end before its last byte is given, so
/// that a form that breaks off is no file.
final class FormReader: ByteSource {
    static let fieldsLimit = 1 << 16

    private struct Status {
        var multipart: Multipart
        var events: [Multipart.Event] = []
        var isInFile = false
        var hadFile = false
        var otherBytes = 0
    }

    private let source: any ByteSource
    private let status: Mutex<Status>

    init?(_ source: any ByteSource, contentType: String) {
        guard let multipart = Multipart(contentType: contentType) else { return nil }
        self.source = source
        status = Mutex(Status(multipart: multipart))
    }

    func cancel() { source.cancel() }

    /// The head of the part `file`; its bytes come next.
    func file() async throws(IngestFailure) -> Multipart.Head {
        while true {
            while let event = status.withLock({ $0.events.isEmpty ? nil : $0.events.removeFirst() }) {
                if case .part(let head) = event, head.name == "file" {
                    status.withLock { ($0.isInFile, $0.hadFile) = (true, true) }
                    return head
                }
                try passOver(event)
            }
            guard try await more() else { throw IngestFailure(.invalid, "The form has no part named file.") }
        }
    }

    func next(upTo count: Int) async throws(IngestFailure) -> [UInt8] {
        while true {
            while let event = status.withLock({ $0.events.isEmpty ? nil : $0.events.removeFirst() }) {
                let isInFile = status.withLock { $0.isInFile }
                switch event {
                case .bytes(let bytes) where isInFile: return bytes
                case .endOfPart where isInFile: status.withLock { $0.isInFile = false }
                case .part(let head) where head.name == "file":
                    throw IngestFailure(.invalid, "The form has two parts named file.")
                default: try passOver(event)
                }
            }
            guard try await more() else { return [] }
        }
    }

    /// False at the true end of the form; an end before it is no end.
    private func more() async throws(IngestFailure) -> Bool {
        let piece = try await source.next(upTo: 1 << 20)
        if piece.isEmpty {
            guard status.withLock({ $0.multipart.isClosed }) else {
                throw IngestFailure(.invalid, "The form ends before its last boundary.")
            }
            return false
        }
        do throws(MultipartFailure) {
            try status.withLock { (status) throws(MultipartFailure) in status.events += try status.multipart.feed(piece)
            }
        } catch {
            throw IngestFailure(.invalid, error.message)
        }
        return true
    }

    private func passOver(_ event: Multipart.Event) throws(IngestFailure) {
        guard case .bytes(let bytes) = event else { return }
        let total = status.withLock { status -> Int in
            status.otherBytes += bytes.count
            return status.otherBytes
        }
        guard total <= Self.fieldsLimit else {
            throw IngestFailure(.invalid, "The form's other fields are longer than \(Self.fieldsLimit) bytes.")
        }
    }
}
