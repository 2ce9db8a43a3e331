/// What to run: nothing of ours goes along that is not named here.
package struct ProcessSpec: Sendable {
    package enum Stdio: Equatable, Sendable {
        case null
        /// A pipe whose other end, which does not block, is taken from the child.
        case pipe
        /// One of our descriptors, open at least until the child is spawned.
        case descriptor(Int32)
    }

    package enum ErrorOutput: Equatable, Sendable {
        /// Drained as it comes, of which the last `errorLimit` bytes are kept.
        case tail
        case null
        case descriptor(Int32)
    }

    /// From the root: no path is searched.
    package var program: String
    package var arguments: [String]
    package var environment: [String: String]
    package var folder: String?
    package var input: Stdio = .null
    package var output: Stdio = .null
    package var error: ErrorOutput = .tail
    package var errorLimit = 16_384
    /// Further descriptors: the number that the child sees, and ours. Numbers from 3 on.
    package var passed: [Int32: Int32] = [:]

    package init(program: String, arguments: [String] = [], environment: [String: String] = [:], folder: String? = nil)
    {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
    }
}

/// How a child ended.
package enum ProcessEnd: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
    /// It outlasted the deadline and was killed.
    case timedOut
}
