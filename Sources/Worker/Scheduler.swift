package import Core
package import Ledger

/// Something that is done every so often, by one node at a time.
package struct PeriodicTask: Sendable {
    package let name: String
    package let every: Duration
    package let body: @Sendable () async throws -> Void

    package init(_ name: String, every: Duration, _ body: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.every = every
        self.body = body
    }
}

/// A job that is enqueued at its times. The turn and the job are one transaction: whatever crashes, each time makes one job,
/// and times that passed while every node was away make one together.
package struct ScheduledJob: Sendable {
    package let name: String
    package let times: CronExpression
    package let job: NewJob

    /// The job's unique key is the name: while one waits or runs, there is no second.
    package init(_ name: String, at times: CronExpression, _ job: NewJob) {
        self.name = name
        self.times = times
        var job = job
        job.uniqueKey = "scheduled:\(name)"
        self.job = job
    }
}

/// Runs periodic tasks and enqueues scheduled jobs. When each is due is kept in the ledger: however many nodes there are
/// and however long all were away, what is overdue is done once.
package struct Scheduler: Sendable {
    private let ledger: any LedgerStore
    private let tasks: [PeriodicTask]
    private let jobs: [ScheduledJob]
    private let time: any TimeSource
    private let tick: Duration
    private let report: @Sendable (WorkerReport) -> Void

    package init(
        ledger: any LedgerStore, tasks: [PeriodicTask], jobs: [ScheduledJob] = [], tick: Duration = .seconds(1),
        time: any TimeSource = SystemTime(), report: @escaping @Sendable (WorkerReport) -> Void = { _ in }
    ) {
        self.ledger = ledger
        self.tasks = tasks
        self.jobs = jobs
        self.tick = tick
        self.time = time
        self.report = report
    }

    /// Until its task is cancelled. Tasks do not wait for each other.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            for task in tasks { group.addTask { await run(task) } }
            for job in jobs { group.addTask { await run(job) } }
        }
    }

    private func run(_ scheduled: ScheduledJob) async {
        while !Task.isCancelled {
            do {
                try await ledger.write("scheduler.enqueue") { tx in
                    guard
                        try tx.settings.takeTurn(
                            "scheduled:\(scheduled.name)", next: { scheduled.times.next(after: $0) })
                    else { return }
                    try tx.jobs.enqueue(scheduled.job)
                }
            } catch is CancellationError {
                return
            } catch {
                report(.ledger(operation: scheduled.name, error: "\(error)"))
            }
            // Cancelled: the loop ends by itself.
            try? await time.sleep(for: tick)
        }
    }

    private func run(_ task: PeriodicTask) async {
        while !Task.isCancelled {
            do {
                let isDue = try await ledger.write("scheduler.turn") {
                    try $0.settings.takeTurn("periodic:\(task.name)", every: task.every)
                }
                if isDue { try await task.body() }
            } catch is CancellationError {
                return
            } catch {
                report(.ledger(operation: task.name, error: "\(error)"))
            }
            // Cancelled: the loop ends by itself.
            try? await time.sleep(for: min(tick, task.every))
        }
    }

    /// What every node has to do for the jobs themselves: end leases that ran out, and drop what nobody asks about any more.
    package static func upkeep(
        of ledger: any LedgerStore, deadEnds: DeadEnds = DeadEnds(), time: any TimeSource = SystemTime(),
        keepDone: Duration = .seconds(3 * 86_400),
        keepDead: Duration = .seconds(90 * 86_400), keepEvents: Duration = .seconds(30 * 86_400)
    ) -> [PeriodicTask] {
        let step = 200
        return [
            PeriodicTask("jobs.reap", every: .seconds(5)) {
                while try await ledger.write(
                    "jobs.reap",
                    { tx in try tx.jobs.reap(limit: step) { try deadEnds.reached(by: $0, in: tx) } }) == step
                {}
            },
            PeriodicTask("jobs.forget", every: .seconds(60)) {
                for (state, age) in [(JobState.done, keepDone), (.cancelled, keepDone), (.dead, keepDead)] {
                    let before = time.now - age
                    while try await ledger.write(
                        "jobs.forget", { try $0.jobs.forget(state, before: before, limit: step) }) > 0
                    {}
                }
            },
            PeriodicTask("ledger.forget", every: .seconds(600)) {
                while try await ledger.write("uploads.forget", { try $0.uploads.forgetIdempotent(limit: step) }) > 0 {}
                while try await ledger.write("sessions.forget", { try $0.sessions.forget(limit: step) }) > 0 {}
                let before = time.now - keepEvents
                while try await ledger.write(
                    "deliveries.forget", { try $0.deliveries.forget(before: before, limit: step) }) > 0
                {}
                while try await ledger.write("outbox.forget", { try $0.outbox.forget(before: before, limit: step) }) > 0
                {}
                while try await ledger.write("codes.forget", { try $0.signInCodes.forget(limit: step) }) > 0 {}
                let silent = time.now - keepEvents
                _ = try await ledger.write("nodes.forget") { try $0.nodes.forget(before: silent) }
                while try await ledger.write("queues.forget", { try $0.queues.forgetIdle(limit: step) }) > 0 {}
            },
        ]
    }
}
