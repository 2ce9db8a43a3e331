/// Why a body ended before its end, or a response could not be written on.
package struct BodyFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The peer went away.
        case cut
        /// The peer sends or takes too little.
        case tooSlow
        /// The framing is broken: nothing after it can be read.
        case malformed
        /// More came than the reader takes.
        case tooLarge
        /// `Body.cancel()`, or the server ends.
        case cancelled
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String = "") {
        self.kind = kind
        self.message = message
    }

    /// Whether the same request may succeed when sent again.
    package var isPassing: Bool {
        switch kind {
        case .cut, .tooSlow, .cancelled: true
        case .malformed, .tooLarge: false
        }
    }

    package var description: String { message.isEmpty ? "\(kind)" : "\(kind): \(message)" }
}
