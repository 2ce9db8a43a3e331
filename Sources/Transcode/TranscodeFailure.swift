package struct TranscodeFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// The bytes are no audio that can be decoded, or end before they should.
        case corrupt
        /// There is audio, in a form that is not read or encoded here.
        case unsupported
        /// Longer than the limit.
        case tooLong
        /// A program crashed or hung on these bytes, or used up its processor time.
        case crashed
        /// A program was killed, the disk is full, a jail could not be made: another try may help.
        case trouble
        case cancelled
    }

    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// How often a file must fail this way until the file is to blame. Nil where the failure says nothing about the file.
    /// A machine in trouble can make a good file look bad once; only a count of decoded samples is proof at once.
    package var timesUntilFinal: Int? {
        switch kind {
        case .tooLong: 1
        case .corrupt, .unsupported: 2
        case .crashed: 3
        case .trouble, .cancelled: nil
        }
    }

    package var description: String { message }
}
