/// Whoever answers requests: a router, or a layer around another responder.
package protocol Responder: Sendable {
    /// Runs on the connection's reactor: whatever blocks or computes for long goes to a lane.
    func respond(to request: Request) async -> Response

    /// The hot path of deliveries, asked first for a plain GET or HEAD (no body, no range, no condition) and synchronously:
    /// it may take a lock and look something up, and must not block. Nil sends the request the ordinary way.
    func quick(_ head: borrowing RequestHead) -> QuickFile?
}

extension Responder {
    package func quick(_ head: borrowing RequestHead) -> QuickFile? { nil }
}

/// An answer of 200 that is ready: the file's prebuilt head and its bytes.
package struct QuickFile: Sendable {
    package let file: OpenFile
    package init(_ file: OpenFile) { self.file = file }
}
