import Synchronization

/// Where a body's bytes come from: a connection, memory, or a test.
package protocol BodySource: AnyObject, Sendable {
    /// Empty at the end, and again whenever asked after it.
    func read(upTo count: Int) async throws(BodyFailure) -> [UInt8]
    /// Makes a pending read, and any later one, throw `.cancelled`.
    func cancel()
    /// What came after the last chunk; empty before the end.
    var trailers: Fields { get }
}

/// A request's body, pulled by one reader and never pushed: what is not read stays in the kernel, and the client waits.
/// The first read sends `100 Continue` where the client waits for it.
package final class Body: Sendable {
    /// As announced; nil while it comes chunked.
    package let length: Int64?
    private let source: any BodySource

    package init(length: Int64?, source: any BodySource) {
        self.length = length
        self.source = source
    }

    package convenience init(bytes: [UInt8]) {
        self.init(length: Int64(bytes.count), source: MemoryBody(bytes))
    }

    package static var empty: Body { Body(bytes: []) }

    /// What is here, at least one byte; empty at the end.
    package func read(upTo count: Int = 262_144) async throws(BodyFailure) -> [UInt8] {
        try await source.read(upTo: count)
    }

    /// All of it, or `.tooLarge` as soon as it is longer than `limit`.
    package func collect(limit: Int) async throws(BodyFailure) -> [UInt8] {
        if let length, length > Int64(limit) { throw Self.tooLarge(limit) }
        var whole: [UInt8] = []
        while true {
            let part = try await source.read(upTo: 65_536)
            if part.isEmpty { return whole }
            guard part.count <= limit - whole.count else { throw Self.tooLarge(limit) }
            if whole.isEmpty { whole = part } else { whole += part }
        }
    }

    /// From any thread: whoever reads this body, now or later, gets `.cancelled`. This is how a newer request of the same
    /// upload ends one whose client hangs.
    package func cancel() { source.cancel() }

    /// The fields after a chunked body, once its end was read.
    package var trailers: Fields { source.trailers }

    private static func tooLarge(_ limit: Int) -> BodyFailure {
        BodyFailure(.tooLarge, "the body is longer than \(limit) bytes")
    }
}

private final class MemoryBody: BodySource {
    private let bytes: [UInt8]
    private let state = Mutex((offset: 0, isCancelled: false))

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(upTo count: Int) async throws(BodyFailure) -> [UInt8] {
        let range: Range<Int>? = state.withLock { state in
            guard !state.isCancelled else { return nil }
            let end = min(bytes.count, state.offset + count)
            defer { state.offset = end }
            return state.offset..<end
        }
        guard let range else { throw BodyFailure(.cancelled) }
        return Array(bytes[range])
    }

    func cancel() { state.withLock { $0.isCancelled = true } }

    var trailers: Fields { .none }
}
