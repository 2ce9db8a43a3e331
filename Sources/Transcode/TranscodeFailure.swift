package struct TranscodeFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The bytes are no audio that can be decoded, or end before they should. Final.
        case corrupt
        /// There is audio, in a form that is not read here. Final.
        case unsupported
        /// Longer than the limit. Final.
        case tooLong
        /// A program of ours failed, the disk is full, a jail could not be made: another try may help.
        case trouble
        case cancelled
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var isPassing: Bool { kind == .trouble || kind == .cancelled }
    package var description: String { message }
}
