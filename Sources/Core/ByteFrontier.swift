/// How far the bytes of an upload are durable, for those who read them while they arrive. Ingest moves it; the encoder
/// follows it behind, so a slow encoder never slows a client.
package protocol ByteFrontier: Sendable {
    /// Contiguous bytes from the beginning that are durable.
    var durable: Int64 { get }
    /// No byte will follow.
    var isSealed: Bool { get }
    /// Returns once more than `count` bytes are durable or none will follow.
    func wait(past count: Int64) async throws
}

/// The frontier of what has wholly arrived.
package struct WholeFile: ByteFrontier {
    package let durable: Int64
    package var isSealed: Bool { true }
    package init(size: Int64) { durable = size }
    package func wait(past count: Int64) async throws {}
}
