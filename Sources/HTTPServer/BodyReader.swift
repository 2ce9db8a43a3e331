/// How far a request's body has been read, and how fast it comes.
struct BodyReader {
    enum Framing {
        case none
        case counted(Int64)
        case chunked(ChunkDecoder)
    }

    var framing: Framing
    /// The framing is broken or the peer gone: nothing after this can be read from the connection.
    var isBroken = false
    var isBeingRead = false
    /// It was given up because the client sent too little.
    var isTooSlow = false
    var received: Int64 = 0
    /// Milliseconds spent waiting for the client; the handler's own time does not count against it.
    var waited: Int64 = 0

    init(_ head: ParsedHead) {
        framing =
            head.isChunked ? .chunked(ChunkDecoder()) : head.hasBody ? .counted(head.contentLength ?? 0) : .none
    }

    /// Once so much has been waited in all, the average must be above the least; nil where it is. Milliseconds.
    func slowness(grace: Int64, least: Int64) -> String? {
        guard waited > grace, received * 1000 / waited < least else { return nil }
        return "\(received) bytes in \(waited) ms, at least \(least) a second are expected"
    }

    var isOver: Bool {
        switch framing {
        case .none: true
        case .counted(let left): left == 0
        case .chunked(let decoder): decoder.isOver
        }
    }

    /// Nil where it cannot be known.
    var left: Int64? {
        switch framing {
        case .none: 0
        case .counted(let left): left
        case .chunked(let decoder): decoder.isOver ? 0 : nil
        }
    }
}
