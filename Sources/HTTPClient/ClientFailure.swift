/// Why no answer came.
package struct ClientFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The request itself: no URL of http or https, a field that cannot be sent.
        case invalid
        /// Every address of the host is one that may not be called.
        case refusedAddress
        case unresolved
        case connect
        case tls
        case timeout(Phase)
        /// The answer is longer than the caller takes.
        case tooLarge
        /// The connection ended, or what came is no HTTP.
        case cut
        /// The bytes to be sent could not be read.
        case body
        /// By the task that asked, or because the client was shut down.
        case cancelled
        /// As many requests run and wait as may.
        case overloaded
    }

    package enum Phase: Sendable, Equatable { case connect, send, firstByte, stall, whole }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// True where the same request may succeed later.
    package var isPassing: Bool {
        switch kind {
        case .unresolved, .connect, .tls, .timeout, .cut, .overloaded: true
        case .invalid, .refusedAddress, .tooLarge, .body, .cancelled: false
        }
    }

    package var description: String { message }

    static let cancelled = ClientFailure(.cancelled, "The request was cancelled.")
    static let shutDown = ClientFailure(.cancelled, "The client was shut down.")
}
