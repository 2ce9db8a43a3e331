/// What a node does of the whole. The API's other routes are every node's.
package enum Role: String, Sendable, CaseIterable {
    /// Takes uploads.
    case ingest
    /// Hands out playlists and segments.
    case deliver
    /// Works the queues: scans, encodes, tells the core API.
    case work
}
