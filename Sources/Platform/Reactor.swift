internal import Glibc

/// One thread, one epoll, many connections: everything isolated to a reactor runs on its thread, one job after another.
///
/// Its executor is both the actor's serial executor and a task executor. The second is what keeps a connection here: a
/// task started with that preference comes back to this thread after every `await`, in 0.25 us instead of the 20 us of a
/// bounce through the global pool. Nothing here may block; what must, goes to a `Lane`.
package actor Reactor {
    private nonisolated let loop: ReactorLoop

    package init() throws(Errno) { loop = try ReactorLoop() }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Runs until the loop is told to stop; call it from a thread of its own.
    package nonisolated func run() { loop.run() }
    package nonisolated func stop() { loop.stop() }

    /// Starts `body` here, from any thread, and keeps it here. Its owner is whoever holds the task.
    @discardableResult
    package nonisolated func begin(_ body: @escaping @Sendable (isolated Reactor) async -> Void) -> Task<Void, Never> {
        // Owned by the caller, to whom it is returned.
        Task(executorPreference: loop) { await body(self) }
    }

    /// Milliseconds of the monotonic clock, as of this turn of the loop.
    package var now: Int64 { loop.now }

    /// Watches a descriptor for its whole life, edge-triggered: one system call a connection, not one a wait.
    package func watch(_ descriptor: Int32) throws(Errno) -> Watch {
        let watch = Watch(descriptor)
        try loop.add(watch)
        return watch
    }

    /// Call it before the descriptor is closed. Whoever waits is woken with `.ended`.
    package func unwatch(_ watch: Watch) { loop.remove(watch) }

    /// Returns when the descriptor may be read (or written) again, when `deadline` has come (milliseconds, `Int64.max` is
    /// never), or when somebody woke the watch. Read until EAGAIN before asking: an edge comes once.
    package func wait(_ watch: Watch, for interest: Watch.Interest, until deadline: Int64 = .max) async -> Watch.Wake {
        if watch.takeEdge(interest) { return .ready }
        if watch.isRemoved { return .ended }
        loop.setDeadline(deadline, of: watch)
        return await withUnsafeContinuation { watch.suspend($0, interest) }
    }

    /// The watch's owner waits without a task: it is called when what it needs is here, when its deadline has come, or
    /// when the watch is woken.
    package func park(_ watch: Watch, _ need: WatchNeed) { loop.park(watch, need) }

    /// Wakes whoever waits here, with `.ended`.
    package func wake(_ watch: Watch) { loop.wake(watch) }
}

/// Whose descriptor it is. Called on the reactor's thread, between the tasks.
package protocol WatchOwner: AnyObject {
    /// The peer has closed its side, whoever waits for what.
    func peerLeft()
    /// A parked owner's wait is over. It does what it can without waiting and returns what it needs next. Nil: it is not
    /// parked any more.
    func advance(_ wake: Watch.Wake, _ now: Int64) -> WatchNeed?
}

package struct WatchNeed {
    let interest: Watch.Interest
    let deadline: Int64

    package init(_ interest: Watch.Interest, until deadline: Int64) {
        self.interest = interest
        self.deadline = deadline
    }
}
