internal import Platform

/// Which deadline a transfer is under. Pure: it is told what happened, and when.
struct TransferTimer {
    private let deadlines: ClientRequest.Deadlines
    private let wholeDue: Deadline
    private var phase = ClientFailure.Phase.whole
    private var phaseDue = Deadline.never

    /// While it waits for a place only the whole deadline runs.
    init(_ deadlines: ClientRequest.Deadlines, at now: Deadline) {
        self.deadlines = deadlines
        wholeDue = deadlines.whole.map { now + $0 } ?? .never
    }

    var due: Deadline { min(phaseDue, wholeDue) }

    func overrun(at now: Deadline) -> ClientFailure.Phase? {
        if now >= wholeDue { return .whole }
        return now >= phaseDue ? phase : nil
    }

    mutating func started(at now: Deadline) { enter(.connect, now + deadlines.connect) }

    /// Also when a connection that stood for another try is used again.
    mutating func connected(bodyIsLeft: Bool, at now: Deadline) {
        if bodyIsLeft { enter(.send, now + deadlines.stall) } else { enter(.firstByte, now + deadlines.firstByte) }
    }

    mutating func sent(bodyIsLeft: Bool, at now: Deadline) {
        guard phase == .send || phase == .firstByte else { return }
        connected(bodyIsLeft: bodyIsLeft, at: now)
    }

    mutating func received(at now: Deadline) { enter(.stall, now + deadlines.stall) }

    /// Its reader is slow, not its server.
    mutating func paused() { enter(.stall, .never) }

    private mutating func enter(_ phase: ClientFailure.Phase, _ due: Deadline) {
        self.phase = phase
        phaseDue = due
    }

    var isSending: Bool { phase == .send || phase == .firstByte }
}
