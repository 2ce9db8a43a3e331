/// One blob, or a range of it, on its way out of a store: pulled piece by piece, so that a slow reader slows the store and
/// nothing piles up. For one reader at a time. Letting go of it before its end frees what it holds.
package protocol BlobReader: AnyObject, Sendable {
    /// Of the whole blob, whatever range was asked for.
    var size: Int64 { get }
    /// What the store calls this version of the bytes; opaque, and empty where it has no word for it.
    var tag: String { get }
    /// The next piece; empty is the end. Bytes that were promised and do not come are a failure, never a short end.
    func next() async throws(BlobFailure) -> [UInt8]
}
