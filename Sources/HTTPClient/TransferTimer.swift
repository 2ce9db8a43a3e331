internal import Platform

/// Which deadline a transfer is under. Pure: it is told what happened, and when.
struct TransferTimer {
    private let deadlines: ClientRequest.Deadlines
    private let wholeDue: Deadline
    private var phase = ClientFailure.Phase.whole
    private var phaseDue = Deadline.never
    /// Bytes that were on their way when the deadline of sending was last moved.
    private var mark: Int64 = 0
    /// Bytes that came since the deadline of receiving was.
    private var came: Int64 = 0

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
        mark = 0
        wait(bodyIsLeft: bodyIsLeft, at: now)
    }

    /// `total` bytes are on their way.
    mutating func sent(_ total: Int64, bodyIsLeft: Bool, at now: Deadline) {
        guard isSending, total - mark >= deadlines.stallBytes || bodyIsLeft != (phase == .send) else { return }
        mark = max(mark, total)
        wait(bodyIsLeft: bodyIsLeft, at: now)
    }

    /// Bytes left that nobody told of.
    mutating func renewed(at now: Deadline) { wait(bodyIsLeft: phase == .send, at: now) }

    private mutating func wait(bodyIsLeft: Bool, at now: Deadline) {
        if bodyIsLeft { enter(.send, now + deadlines.stall) } else { enter(.firstByte, now + deadlines.firstByte) }
    }

    mutating func received(_ count: Int, at now: Deadline) {
        came += Int64(count)
        guard phase != .stall || phaseDue == .never || came >= deadlines.stallBytes else { return }
        came = 0
        enter(.stall, now + deadlines.stall)
    }

    /// Its reader is slow, not its server.
    mutating func paused() { enter(.stall, .never) }

    /// Its writer is.
    mutating func pausedSending() { enter(.send, .never) }

    private mutating func enter(_ phase: ClientFailure.Phase, _ due: Deadline) {
        self.phase = phase
        phaseDue = due
    }

    var isSending: Bool { phase == .send || phase == .firstByte }
}
