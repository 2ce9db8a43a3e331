internal import CLinux
internal import Glibc
internal import Synchronization

/// A reactor's thread. `@unchecked Sendable`: all but `incoming` and `thread` is touched on the loop's thread alone.
final class ReactorLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    private static let eventLimit = 512
    private let epoll: FileDescriptor
    private let bell: EventSignal
    private let incoming = Mutex<(jobs: [UnownedJob], stopped: Bool)>(([], false))
    private let thread = Atomic<pthread_t>(0)
    private var local: [UnownedJob] = []
    private var batch: [UnownedJob] = []
    /// By descriptor number, which the kernel keeps small.
    private var watches: [Watch?] = []
    private var generation: UInt32 = 0
    private var wheel: ReactorWheel
    private(set) var now: Int64

    init() throws(Errno) {
        epoll = FileDescriptor(owning: try Errno.check(epoll_create1(Int32(EPOLL_CLOEXEC))))
        bell = try EventSignal()
        now = Self.clock()
        wheel = ReactorWheel(now: now)
        try control(EPOLL_CTL_ADD, bell.raw, EPOLLIN.rawValue, UInt64(UInt32(bitPattern: bell.raw)))
    }

    // MARK: Executor

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isHome {
            local.append(job)
            return
        }
        let wasEmpty = incoming.withLock { incoming in
            incoming.jobs.append(job)
            return incoming.jobs.count == 1
        }
        if wasEmpty { bell.raise() }  // the loop takes the whole list, so one ring serves all that follow
    }

    func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    func checkIsolated() { precondition(isHome, "not on the reactor's thread") }

    private var isHome: Bool { thread.load(ordering: .relaxed) == pthread_self() }

    func stop() {
        incoming.withLock { $0.stopped = true }
        bell.raise()
    }

    // MARK: Loop

    func run() {
        thread.store(pthread_self(), ordering: .relaxed)
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Self.eventLimit)
        defer { events.deallocate() }
        while true {
            if takeIncoming() && local.isEmpty { return }
            runJobs()
            let count = epoll_wait(epoll.raw, events, Int32(Self.eventLimit), patience)
            now = Self.clock()
            for index in 0..<Int(max(0, count)) { arrive(events[index]) }
            for watch in wheel.advance(to: now) { expire(watch) }
        }
    }

    /// Returns whether the loop shall end.
    private func takeIncoming() -> Bool {
        incoming.withLock { incoming in
            if !incoming.jobs.isEmpty {
                local.append(contentsOf: incoming.jobs)
                incoming.jobs.removeAll(keepingCapacity: true)
            }
            return incoming.stopped
        }
    }

    /// How long the loop may sleep, in milliseconds.
    private var patience: Int32 {
        if !local.isEmpty { return 0 }
        if wheel.nextDue == .max { return -1 }
        return Int32(clamping: max(0, wheel.nextDue - now + 1))
    }

    /// Only the jobs that are here now: what they enqueue runs after the descriptors had their turn.
    private func runJobs() {
        swap(&batch, &local)
        let serial = asUnownedSerialExecutor()
        let preference = asUnownedTaskExecutor()
        for job in batch { job.runSynchronously(isolatedTo: serial, taskExecutor: preference) }
        batch.removeAll(keepingCapacity: true)
    }

    private func arrive(_ event: epoll_event) {
        let descriptor = Int(truncatingIfNeeded: event.data.u64 & 0xFFFF_FFFF)
        guard descriptor != Int(bell.raw) else {
            bell.lower()
            return
        }
        // A watch removed earlier in this turn, or its number used again since.
        guard descriptor < watches.count, let watch = watches[descriptor],
            watch.generation == UInt32(truncatingIfNeeded: event.data.u64 >> 32)
        else { return }
        let flags = event.events
        let broken = flags & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
        let isAwaited = watch.arrive(
            readable: broken || flags & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0,
            writable: broken || flags & EPOLLOUT.rawValue != 0,
            hungUp: broken || flags & EPOLLRDHUP.rawValue != 0, broken: broken)
        guard isAwaited else { return }
        if watch.isParked { advance(watch, .ready) } else { watch.resumeReady() }
    }

    private func expire(_ watch: Watch) {
        // What another one did meanwhile may have moved its deadline.
        guard watch.deadline <= now, !watch.isRemoved else { return }
        if watch.isParked { advance(watch, .timedOut) } else { watch.expire() }
    }

    // MARK: Parking

    func park(_ watch: Watch, _ need: WatchNeed) {
        if watch.takeEdge(need.interest) {
            advance(watch, .ready)
        } else {
            watch.park(need.interest)
            wheel.setDeadline(need.deadline, of: watch)
        }
    }

    func wake(_ watch: Watch) {
        if watch.isParked { advance(watch, .ended) } else { watch.wake() }
    }

    private func advance(_ watch: Watch, _ wake: Watch.Wake) {
        guard let owner = watch.unpark() else { return }
        if let need = owner.advance(wake, now) { park(watch, need) }
    }

    /// The coarse clock ticks every 1 to 4 ms and costs no system call.
    private static func clock() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    // MARK: Descriptors

    func add(_ watch: Watch) throws(Errno) {
        let index = Int(watch.descriptor)
        while watches.count <= index { watches.append(nil) }
        precondition(watches[index] == nil, "descriptor \(index) is watched already")
        generation &+= 1
        watch.generation = generation
        let interests = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        let data = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: watch.descriptor))
        try control(EPOLL_CTL_ADD, watch.descriptor, interests, data)
        watches[index] = watch
    }

    func remove(_ watch: Watch) {
        let index = Int(watch.descriptor)
        guard !watch.isRemoved, index < watches.count else { return }
        watches[index] = nil
        // Fails only for a descriptor that is closed already, and then there is nothing to remove.
        _ = epoll_ctl(epoll.raw, EPOLL_CTL_DEL, watch.descriptor, nil)
        watch.remove()
    }

    func setDeadline(_ deadline: Int64, of watch: Watch) { wheel.setDeadline(deadline, of: watch) }

    private func control(_ operation: Int32, _ descriptor: Int32, _ events: UInt32, _ data: UInt64) throws(Errno) {
        var event = epoll_event()
        event.events = events
        event.data.u64 = data
        _ = try Errno.check(epoll_ctl(epoll.raw, operation, descriptor, &event))
    }
}
