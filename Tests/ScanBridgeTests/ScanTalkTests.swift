import ScanBridge
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The talk about one file` {
    static let evidence = Evidence(engine: "1", database: "test")
    static let clean = Verdict.clean(evidence)

    private func after(_ events: [ScanTalk.Event]) -> (talk: ScanTalk, last: ScanTalk.Action) {
        var talk = ScanTalk()
        var last = ScanTalk.Action.wait
        for event in events { last = talk.receive(event) }
        return (talk, last)
    }

    private static let started = ScanTalk.Event.message(.started(process: 77))
    private static let verdict = ScanTalk.Event.message(.verdict(clean))

    @Test func `a verdict counts once its process has ended well`() {
        #expect(after([Self.started]).last == .go)
        #expect(after([Self.started, Self.verdict]).last == .wait)
        #expect(after([Self.started, Self.verdict, .message(.ended(exit: 0))]).last == .verdict(Self.clean))
    }

    /// The out-of-memory killer takes good files' processes too.
    @Test(arguments: [WireMessage.ended(signal: 11), .ended(signal: 9), .ended(exit: 1), .ended(exit: 3)])
    func `an end that the file need not have caused is no verdict, before one and after it`(end: WireMessage) {
        for events in [[Self.started], [Self.started, Self.verdict]] {
            guard case .fail(let failure) = after(events + [.message(end)]).last else {
                Issue.record("\(end) decided")
                continue
            }
            #expect(failure.kind == .childLost && failure.isPassing)
        }
    }

    @Test func `an end of its own without a verdict is unscannable, and so is one that broke the jail`() {
        #expect(isUnscannable(after([Self.started, Self.verdict, .message(.ended(signal: 31))]).last))
        for end in [WireMessage.ended(exit: 0), .ended(signal: 31)] {
            guard case .unscannable = after([Self.started, .message(end)]).last else {
                Issue.record("\(end)")
                continue
            }
        }
    }

    @Test func `a scan that is late is killed by its number, and is unscannable whatever it says then`() {
        var (talk, last) = after([Self.started, .late])
        #expect(last == .kill(77))
        #expect(talk.receive(Self.verdict) == .wait)
        guard case .unscannable = talk.receive(.message(.ended(signal: 9))) else {
            Issue.record("the late verdict counted")
            return
        }
    }

    private func isUnscannable(_ action: ScanTalk.Action) -> Bool {
        if case .unscannable = action { true } else { false }
    }

    @Test func `a killed scan that does not even end is unscannable`() {
        guard case .unscannable = after([Self.started, .late, .late]).last else {
            Issue.record("still waiting")
            return
        }
    }

    @Test func `a scanner that goes away is a passing failure, before and after the verdict`() {
        for events in [[], [Self.started], [Self.started, Self.verdict]] {
            guard case .fail(let failure) = after(events + [.closed]).last else {
                Issue.record("no failure")
                continue
            }
            #expect(failure.kind == .scannerLost)
            #expect(failure.isPassing)
        }
    }

    @Test func `a child that could not begin is a passing failure with its reason`() {
        let refusal = ScanFailure(.resources, "no folder")
        #expect(after([Self.started, .message(.refused("no folder"))]).last == .fail(refusal))
    }

    @Test func `a refusal is a passing failure with its reason`() {
        let refusal = ScanFailure(.resources, "no room")
        #expect(after([.message(.refused("no room"))]).last == .fail(refusal))
    }

    @Test func `nonsense and words out of turn end the process`() {
        #expect(after([Self.started, .nonsense]).last == .kill(77))
        #expect(after([Self.started, Self.started]).last == .kill(77))
        #expect(after([Self.started, Self.verdict, Self.verdict]).last == .kill(77))
        #expect(after([Self.started, .message(WireMessage("verdict"))]).last == .kill(77))
    }

    @Test func `a verdict from nowhere takes the scanner down`() {
        guard case .killZygote = after([Self.verdict]).last else {
            Issue.record("a verdict before the start was taken")
            return
        }
    }

    @Test(arguments: [nil, "0", "1", "-9", "99999999999", "x"] as [String?])
    func `a start with no usable process number takes the scanner down`(number: String?) {
        let message = WireMessage("started", number.map { [("pid", $0)] } ?? [])
        guard case .killZygote = after([.message(message)]).last else {
            Issue.record("taken")
            return
        }
    }

    @Test func `cancelling kills the process if there is one`() {
        #expect(after([.cancelled]).last == .abandon(nil))
        #expect(after([Self.started, .cancelled]).last == .abandon(77))
    }
}
