/// What is made of each thing that the scanner says or leaves unsaid about one file. Pure: it does nothing itself.
///
///     asked ──started──▶ running ──verdict──▶ judged ──ended, exit 0──▶ the verdict
///       │                   │ late │ ended, by no decision of ours ◀──┘ ended otherwise
///       │                   ▼      ▼
///     refused, late,      killed  a failure: the file is scanned again, a few times
///     closed: a failure     └──ended──▶ unscannable
package struct ScanTalk: Sendable {
    package enum Event: Sendable, Equatable {
        case message(WireMessage)
        case nonsense
        /// The time allowed for this step is over.
        case late
        /// All who could speak are gone.
        case closed
        case cancelled
    }

    package enum Action: Sendable, Equatable {
        case wait
        case go
        case kill(Int32)
        /// The child is killed if there is one, and nobody waits for its end: the zygote clears it away.
        case abandon(Int32?)
        case killZygote(String)
        case verdict(Verdict)
        case unscannable(String)
        case fail(ScanFailure)
    }

    private enum State: Equatable {
        case asked
        case running(Int32)
        case judged(Int32, Verdict)
        case killed(reason: String)
    }

    private var state = State.asked

    package init() {}

    package mutating func receive(_ event: Event) -> Action {
        switch event {
        case .message(let message): received(message)
        case .nonsense: kill("the scanning process said something senseless")
        case .late: late()
        case .closed: .fail(ScanFailure(.scannerLost, "the scanner ended while it had the file"))
        case .cancelled: cancel()
        }
    }

    private mutating func received(_ message: WireMessage) -> Action {
        switch (state, message.word) {
        case (.asked, "started"):
            guard let number = message.number("pid"), let process = Int32(exactly: number), process > 1 else {
                return .killZygote("the scanner named no process")
            }
            state = .running(process)
            return .go
        case (.asked, "refused"), (.running, "refused"):
            return .fail(ScanFailure(.resources, message["reason"] ?? "the scanner refused"))
        case (.running(let process), "verdict"):
            guard let verdict = message.verdict else {
                return kill("the scanning process gave no readable verdict")
            }
            state = .judged(process, verdict)
            return .wait
        case (.asked, "ended"), (.running, "ended"): return Self.ended(message, "without a verdict")
        case (.judged(_, let verdict), "ended"):
            return message["exit"] == "0" ? .verdict(verdict) : Self.ended(message, "badly")
        case (.killed(let reason), "ended"): return .unscannable(reason)
        case (.killed, _): return .wait
        default: return kill("the scanning process spoke out of turn")
        }
    }

    private mutating func late() -> Action {
        switch state {
        case .asked: .killZygote("the scanner did not begin in time")
        case .running, .judged: kill("the scan did not end in time")
        case .killed(let reason): .unscannable(reason)
        }
    }

    private func cancel() -> Action {
        switch state {
        case .running(let process), .judged(let process, _): .abandon(process)
        case .asked, .killed: .abandon(nil)
        }
    }

    private mutating func kill(_ reason: String) -> Action {
        switch state {
        case .running(let process), .judged(let process, _):
            state = .killed(reason: reason)
            return .kill(process)
        case .asked: return .killZygote(reason)
        case .killed: return .wait
        }
    }

    /// SIGSYS is the jail's own doing, and a good exit without a verdict is the child's. Any other end may be the machine's
    /// fault: the out-of-memory killer sends signals too.
    private static func ended(_ message: WireMessage, _ how: String) -> Action {
        let what = "the scanning process ended \(how)"
        switch (message["signal"], message["exit"]) {
        case ("31", _): return .unscannable("\(what): it broke out of its jail's rules")
        case (let signal?, _): return .fail(ScanFailure(.childLost, "\(what): signal \(signal)"))
        case (nil, "0"), (nil, nil): return .unscannable(what)
        case (nil, let exit?): return .fail(ScanFailure(.childLost, "\(what): exit \(exit)"))
        }
    }
}
