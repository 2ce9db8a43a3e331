import Platform

extension ProcessEnd {
    /// What ended the program, if it did not exit by its own decision. Nil for an ordinary exit, good or bad: then the
    /// program's output decides.
    func fault(of program: String, saying errorText: String) -> TranscodeFailure? {
        switch self {
        case .exited(let code) where Jail.ownExitCodes.contains(code):
            TranscodeFailure(.trouble, "The jail of \(program) could not be built: \(errorText.prefix(200))")
        case .exited(let code) where Self.loaderExitCodes.contains(code):
            TranscodeFailure(.trouble, "\(program) could not be loaded: \(errorText.prefix(200))")
        case .exited(Self.handledSignal):
            TranscodeFailure(.crashed, "\(program) was stopped by a signal: \(errorText.prefix(200))")
        case .exited: nil
        case .signalled(let signal) where Self.ownSignals.contains(signal):
            TranscodeFailure(.crashed, "\(program) crashed: signal \(signal).")
        case .signalled(let signal): TranscodeFailure(.trouble, "\(program) was killed: signal \(signal).")
        case .timedOut: TranscodeFailure(.trouble, "\(program) did not end in time.")
        }
    }

    /// Of the dynamic loader, and of shells: the program never ran.
    private static let loaderExitCodes: ClosedRange<Int32> = 126...127
    /// ffmpeg catches SIGXCPU and SIGTERM, and exits with this.
    private static let handledSignal: Int32 = 255
    /// Those that a program brings on itself: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGSYS. The
    /// out-of-memory killer and people send others.
    private static let ownSignals: Set<Int32> = [4, 5, 6, 7, 8, 11, 24, 31]
}
