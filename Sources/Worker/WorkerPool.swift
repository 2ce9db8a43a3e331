package import Core
package import Ledger

/// Claims jobs, works each under its lease and settles it. `run` goes on until its task is cancelled; then nothing more is
/// claimed, handlers are cancelled and their jobs given back without burning an attempt.
package actor WorkerPool {
    package struct Configuration: Sendable {
        package var node: NodeID
        package var boot: String
        /// How many jobs of each queue run at once; a queue that is not named is not served.
        package var limits: [Queue: Int]
        package var lease = Duration.seconds(30)
        package var policy = RetryPolicy.doubling(
            from: .seconds(2), upTo: .seconds(600), tries: NewJob.usualAttempts)
        /// By kind, where it differs.
        package var policies: [String: RetryPolicy] = [:]
        /// How often the ledger is asked when no hint comes.
        package var poll = Duration.seconds(1)
        /// At most so many a claim.
        package var batch = 16
        /// How long cancelled handlers are waited for.
        package var drain = Duration.seconds(25)

        package init(node: NodeID, boot: String, limits: [Queue: Int]) {
            self.node = node
            self.boot = boot
            self.limits = limits
        }
    }

    private struct Running {
        let job: ClaimedJob
        let task: Task<Void, Never>
    }

    private let configuration: Configuration
    private let handlers: [String: JobHandler]
    private let deadEnds: DeadEnds
    private let context: WorkerContext
    private let report: @Sendable (WorkerReport) -> Void
    /// By lease: a job whose lease was lost may come back before its first run has ended.
    private var running: [Lease: Running] = [:]
    private var turns = QueueTurns()
    private var isDraining = false
    /// Raised when a job ends: there is room again.
    private let ends = Hints()

    package init(
        ledger: any LedgerStore, configuration: Configuration, handlers: [String: JobHandler],
        deadEnds: DeadEnds = DeadEnds(), time: any TimeSource = SystemTime(),
        report: @escaping @Sendable (WorkerReport) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.handlers = handlers
        self.deadEnds = deadEnds
        context = WorkerContext(ledger: ledger, time: time, node: configuration.node)
        self.report = report
    }

    /// How many jobs are being worked, by queue.
    package var load: [Queue: Int] {
        running.values.reduce(into: [:]) { $0[$1.job.queue, default: 0] += 1 }
    }

    /// Returns once it is cancelled and drained.
    package func run() async {
        await takeBack()
        while !Task.isCancelled {
            let hinted = context.ledger.hints.mark(.jobs)
            let ended = ends.mark(.jobs)
            if await claim() > 0 { continue }
            await wait(since: hinted, ended)
        }
        await drain()
    }

    /// What this node's earlier boots held is free at once.
    private func takeBack() async {
        let (node, boot, deadEnds) = (configuration.node, configuration.boot, deadEnds)
        while !Task.isCancelled {
            do {
                _ = try await context.ledger.write("jobs.take_back") { tx in
                    try tx.jobs.takeBack(node: node, exceptBoot: boot) { try deadEnds.reached(by: $0, in: tx) }
                }
                return
            } catch {
                report(.ledger(operation: "take back", error: "\(error)"))
            }
            // Cancelled: the loop ends by itself.
            try? await context.time.sleep(for: configuration.poll)
        }
    }

    private func claim() async -> Int {
        let load = load
        let room = configuration.limits.reduce(into: [Queue: Int]()) { room, limit in
            let free = limit.value - load[limit.key, default: 0]
            if free > 0 { room[limit.key] = free }
        }
        guard !room.isEmpty else { return 0 }
        let claim = Claim(
            node: configuration.node, boot: configuration.boot, room: room,
            limit: min(configuration.batch, room.values.reduce(0, +)), lease: configuration.lease)
        let before = turns
        do {
            let (jobs, after) = try await context.ledger.write("jobs.claim") { try $0.jobs.claim(claim, turns: before) }
            turns = after
            for job in jobs { start(job) }
            return jobs.count
        } catch {
            report(.ledger(operation: "claim", error: "\(error)"))
            return 0
        }
    }

    private func start(_ job: ClaimedJob) {
        // Awaited and cancelled by `drain`, through `running`.
        let task = Task {
            await work(job)
            running[job.lease] = nil
            ends.raise(.jobs)
        }
        running[job.lease] = Running(job: job, task: task)
    }

    private func wait(since hinted: Hints.Mark, _ ended: Hints.Mark) async {
        let (hints, ends, context, poll) = (context.ledger.hints, ends, context, configuration.poll)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var hinted = hinted
                await hints.wait(for: .jobs, since: &hinted)
            }
            group.addTask {
                var ended = ended
                await ends.wait(for: .jobs, since: &ended)
            }
            group.addTask {
                // Cancelled when another of the three was first.
                try? await context.time.sleep(for: poll)
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func work(_ job: ClaimedJob) async {
        let began = context.time.now
        report(.began(job))
        guard let handler = handlers[job.kind] else {
            // A newer node may know it; upgrades go one at a time.
            report(.noHandler(job))
            await settle(job, .postponed(until: began + .seconds(30)), began)
            return
        }
        let (context, configuration) = (context, configuration)
        do {
            let settlement = try await withLease(job.lease, time: context.time) { lease in
                try await context.ledger.write("jobs.renew") { try $0.jobs.renew(lease, for: lease.duration) }
            } _: {
                try await handler(job, context)
            }
            switch settlement {
            case .done: await settle(job, .done, began)
            case .settled: report(.ended(job, nil, took: context.time.now - began))
            case .postponed(let until): await settle(job, .postponed(until: until), began)
            case .dead(let error): await settle(job, .dead(error: error), began)
            }
        } catch is LeaseLost {
            report(.leaseLost(job))
        } catch {
            // Whatever a cancelled handler throws, it was we who ended it.
            let policy = configuration.policies[job.kind] ?? configuration.policy
            let outcome =
                isDraining
                ? .returned
                : AttemptEnd.outcome(
                    of: error, attempt: job.attempt, maximumAttempts: job.maximumAttempts, policy: policy,
                    now: context.time.now)
            await settle(job, outcome, began)
        }
    }

    private func settle(_ job: ClaimedJob, _ outcome: JobOutcome, _ began: Timestamp) async {
        let deadEnds = deadEnds
        do {
            let isSettled = try await context.ledger.write("jobs.settle") { tx in
                guard try tx.jobs.settle(job.lease, outcome) else { return false }
                if case .dead = outcome, let row = try tx.jobs.find(job.id)?.job {
                    try deadEnds.reached(by: row, in: tx)
                }
                return true
            }
            if isSettled {
                report(.ended(job, outcome, took: context.time.now - began))
            } else {
                report(.leaseLost(job))
            }
        } catch {
            // The lease runs out, and the job is worked again.
            report(.ledger(operation: "settle", error: "\(error)"))
        }
    }

    private func drain() async {
        isDraining = true
        for one in running.values { one.task.cancel() }
        let ended = ends
        let deadline = context.time.now + configuration.drain
        while !running.isEmpty, context.time.now < deadline {
            let left = deadline - context.time.now
            let mark = ended.mark(.jobs)
            guard !running.isEmpty else { break }
            // The pool's own task is cancelled by now, so that waiting needs one that is not; it is awaited right here.
            let time = context.time
            await Task {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var mark = mark
                        await ended.wait(for: .jobs, since: &mark)
                    }
                    group.addTask {
                        // Cancelled when a job ended first.
                        try? await time.sleep(for: left)
                    }
                    await group.next()
                    group.cancelAll()
                }
            }.value
        }
        await abandon(running.values.map(\.job))
    }

    /// The tokens are spent by this: whatever the handlers still try to settle hits nothing. All in one call, under one
    /// deadline: while the ledger is away, each of its own would be waited for.
    private func abandon(_ jobs: [ClaimedJob]) async {
        guard !jobs.isEmpty else { return }
        let leases = jobs.map(\.lease)
        do {
            let returned = try await context.ledger.write("jobs.abandon") { tx in
                try leases.filter { try tx.jobs.settle($0, .returned) }
            }
            for job in jobs where !returned.contains(job.lease) { report(.leaseLost(job)) }
        } catch {
            // The leases run out, and the jobs are worked again.
            report(.ledger(operation: "abandon", error: "\(error)"))
        }
        for job in jobs { report(.abandoned(job)) }
    }
}
