/// What a reactor knows of one descriptor. Touched on the reactor's thread alone.
package final class Watch {
    package enum Interest { case read, write }
    package enum Wake: Sendable { case ready, timedOut, ended }

    package let descriptor: Int32
    /// Told apart from an earlier watch of the same descriptor number.
    var generation: UInt32 = 0
    /// The peer sends no more, or the connection is broken.
    package private(set) var isHungUp = false
    /// Both directions are over: reset, or closed on both sides.
    package private(set) var isBroken = false
    package private(set) var isRemoved = false
    private var canRead = false
    private var canWrite = false
    private var reader: UnsafeContinuation<Wake, Never>?
    private var writer: UnsafeContinuation<Wake, Never>?
    /// What the owner waits for without a task.
    private var parked: Interest?
    /// A cycle while watched, cut by `remove`: the owner lives as long as its descriptor is watched.
    private var owner: (any WatchOwner)?
    var deadline = Int64.max
    /// Of its entry in the wheel; `.max` while it has none.
    var scheduled = Int64.max

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Who is called when the peer leaves, and while it is parked.
    package func own(_ owner: any WatchOwner) { self.owner = owner }

    package var isParked: Bool { parked != nil }

    func park(_ interest: Interest) {
        precondition(parked == nil && reader == nil && writer == nil, "a parked watch has no other waiter")
        parked = interest
    }

    /// Returns the owner, which is to be advanced. The edges are taken first: the owner tries until EAGAIN, and what comes
    /// later is a new edge.
    func unpark() -> (any WatchOwner)? {
        parked = nil
        deadline = .max
        (canRead, canWrite) = (false, false)
        return owner
    }

    /// Wakes the tasks that wait here, with `.ended`.
    package func wake() { resume(.ended) }

    func takeEdge(_ interest: Interest) -> Bool {
        switch interest {
        case .read:
            defer { canRead = false }
            return canRead
        case .write:
            defer { canWrite = false }
            return canWrite
        }
    }

    /// One may wait to read and one to write at a time; they share the deadline that was set last.
    func suspend(_ waiter: UnsafeContinuation<Wake, Never>, _ interest: Interest) {
        switch interest {
        case .read:
            precondition(reader == nil, "one waits to read at a time")
            reader = waiter
        case .write:
            precondition(writer == nil, "one waits to write at a time")
            writer = waiter
        }
    }

    /// Notes what epoll says. Returns whether somebody waits for it.
    func arrive(readable: Bool, writable: Bool, hungUp: Bool, broken: Bool) -> Bool {
        if readable { canRead = true }
        if writable { canWrite = true }
        if hungUp && !isHungUp || broken && !isBroken {
            isHungUp = true
            isBroken = broken
            owner?.peerLeft()
        }
        return (reader != nil || parked == .read) && canRead || (writer != nil || parked == .write) && canWrite
    }

    func resumeReady() {
        if reader != nil, takeEdge(.read) { resumeReader(.ready) }
        if writer != nil, takeEdge(.write) { resumeWriter(.ready) }
    }

    func expire() { resume(.timedOut) }

    func remove() {
        isRemoved = true
        owner = nil
        parked = nil
        resume(.ended)
    }

    private func resume(_ wake: Wake) {
        resumeReader(wake)
        resumeWriter(wake)
    }

    private func resumeReader(_ wake: Wake) {
        guard let waiter = reader else { return }
        reader = nil
        if writer == nil { deadline = .max }
        waiter.resume(returning: wake)
    }

    private func resumeWriter(_ wake: Wake) {
        guard let waiter = writer else { return }
        writer = nil
        if reader == nil { deadline = .max }
        waiter.resume(returning: wake)
    }
}
