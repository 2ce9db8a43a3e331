/// One thread that takes blocking work, one piece after another. A task that prefers a lane runs on its thread, and an actor
/// may live there.
///
/// What waits in it is bounded by its callers: each has one piece here at a time and awaits it. Work once handed over is
/// done, also when its task is cancelled meanwhile: a half-made durable step helps nobody.
package final class Lane: TaskExecutor, SerialExecutor {
    private let queue = LaneQueue()
    private let thread: OSThread

    package init(name: String) throws(Errno) {
        let queue = self.queue
        thread = try OSThread(name: name) { queue.run() }
    }

    /// The thread ends after the work that is here.
    deinit { queue.stop() }

    package var isCurrent: Bool { thread.isCurrent }

    package func run<T: Sendable, E: Error>(_ body: @escaping @Sendable () throws(E) -> T) async throws(E) -> T {
        let result: Result<T, E> = await withUnsafeContinuation { continuation in
            queue.add(
                .work {
                    do throws(E) {
                        continuation.resume(returning: .success(try body()))
                    } catch {
                        continuation.resume(returning: .failure(error))
                    }
                })
        }
        return try result.get()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        queue.add(.job(UnownedJob(job), asUnownedSerialExecutor(), asUnownedTaskExecutor()))
    }

    package func checkIsolated() {
        precondition(isCurrent, "not on the lane's thread")
    }

    package func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

/// What a lane's thread holds, so that the lane itself can go while its thread still runs.
private final class LaneQueue: Sendable {
    enum Item {
        case job(UnownedJob, UnownedSerialExecutor, UnownedTaskExecutor)
        case work(@Sendable () -> Void)
    }

    private let gate = Gate<(items: [Item], isStopped: Bool)>(([], false))

    func add(_ item: Item) { gate.change { $0.items.append(item) } }

    func stop() { gate.change { $0.isStopped = true } }

    func run() {
        while true {
            let (items, isStopped) = gate.wait { state -> ([Item], Bool)? in
                guard !state.items.isEmpty || state.isStopped else { return nil }
                defer { state.items.removeAll(keepingCapacity: true) }
                return (state.items, state.isStopped)
            }
            for item in items {
                switch item {
                case .work(let body): body()
                case .job(let job, let serial, let preference):
                    job.runSynchronously(isolatedTo: serial, taskExecutor: preference)
                }
            }
            if isStopped && items.isEmpty { return }
        }
    }
}
