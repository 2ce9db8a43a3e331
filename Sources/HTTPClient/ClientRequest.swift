package import Platform

/// One request, as it is sent: no redirect is followed, nothing is decoded.
package struct ClientRequest: Sendable {
    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// Part of a file, read as it is sent and never through the descriptor's own position.
        case file(SharedDescriptor, Range<Int64>)
        /// What another task writes meanwhile.
        case stream(ClientBody)

        /// Nil is not known before its end.
        package var count: Int64? {
            switch self {
            case .none: 0
            case .bytes(let bytes): Int64(bytes.count)
            case .file(_, let range): Int64(range.count)
            case .stream(let body): body.count
            }
        }
    }

    /// A whole deadline of nil is none: streams have no end.
    package struct Deadlines: Sendable {
        /// Looking up the name, connecting, TLS.
        package var connect: Duration
        /// From the last byte sent to the head of the answer.
        package var firstByte: Duration
        /// Without a byte in either direction, while there are some to come.
        package var stall: Duration
        /// Fewer bytes than these within `stall` are as good as none: a server that sends one a second does not count as
        /// alive.
        package var stallBytes: Int64 = 1
        /// From `send` to the last byte, waiting for a free place included.
        package var whole: Duration?

        package init(
            connect: Duration = .seconds(10), firstByte: Duration = .seconds(30), stall: Duration = .seconds(30),
            whole: Duration? = .seconds(300)
        ) {
            self.connect = connect
            self.firstByte = firstByte
            self.stall = stall
            self.whole = whole
        }
    }

    package var method: String
    package var url: String
    package var fields: [(String, String)]
    package var body: Body
    package var deadlines: Deadlines
    /// The longest body of an answer that `send` takes; a stream has its own bound.
    package var responseLimit: Int
    /// Whether a long body waits for the server's 100 (Continue): a refusal then costs little, everything else a round trip.
    package var waitsForContinue = true
    /// Told how many bytes of the body were sent, on the client's thread: it must return at once.
    package var onProgress: (@Sendable (Int64) -> Void)?

    package init(
        _ method: String = "GET", _ url: String, fields: [(String, String)] = [], body: Body = .none,
        deadlines: Deadlines = Deadlines(), responseLimit: Int = 1_048_576,
        onProgress: (@Sendable (Int64) -> Void)? = nil
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.deadlines = deadlines
        self.responseLimit = responseLimit
        self.onProgress = onProgress
    }

    /// What would let a caller's text write fields or requests of its own.
    func check() throws(ClientFailure) {
        func isToken(_ text: String) -> Bool {
            !text.isEmpty
                && text.utf8.allSatisfy { byte in
                    // RFC 9110 §5.6.2: visible, and no delimiter.
                    byte > 0x20 && byte < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
                }
        }
        guard isToken(method) else { throw ClientFailure(.invalid, "\(method) is no method.") }
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw ClientFailure(.invalid, "The URL holds a space or a control character.")
        }
        for (name, value) in fields {
            guard isToken(name), value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                throw ClientFailure(.invalid, "The field \(name) cannot be sent.")
            }
        }
    }
}
