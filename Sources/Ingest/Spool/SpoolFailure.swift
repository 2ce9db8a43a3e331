import Platform

/// What the spool could not do. Paths stay inside: the message names the upload's file by what it holds.
package struct SpoolFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Equatable, Sendable {
        /// No room on the disk: what is durable stays so, and the client may go on later.
        case full
        /// A sync failed, so nobody knows what is on the disk: final for this upload.
        case broken
        /// The journal is not one of ours, or cannot be read now.
        case unreadable
        case missing
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }
    package var isPassing: Bool { kind == .full || kind == .unreadable }

    /// A full disk while writing says that nothing was kept, no more; any other error puts the file in doubt.
    init(writing what: StaticString, _ errno: Errno) {
        self.init(errno.isOutOfSpace ? .full : .broken, "\(what): \(errno.reason)")
    }
}
