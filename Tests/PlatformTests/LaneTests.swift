import Glibc
import Platform
import Synchronization
import Testing

/// Work that blocks, on threads that may.
@Suite(.timeLimit(.minutes(5))) struct LaneTests {
    private final class Counters: Sendable {
        let inside = Atomic(0)
        let overlaps = Atomic(0)
    }

    private final class Seen: Sendable {
        let state = Mutex<(threads: Set<UInt>, order: [Int])>(([], []))
    }

    @Test func `a lane runs everything on one thread, in order`() async throws {
        let lane = try Lane(name: "lane")
        let seen = Seen()
        for number in 0..<100 {
            await lane.run {
                seen.state.withLock { seen in
                    seen.threads.insert(UInt(pthread_self()))
                    seen.order.append(number)
                }
            }
        }
        let (threads, order) = seen.state.withLock { $0 }
        #expect(threads.count == 1)
        #expect(order == Array(0..<100))
        #expect(!lane.isCurrent)
        #expect(await lane.run { lane.isCurrent })
    }

    @Test func `what comes from many tasks never overlaps`() async throws {
        let lane = try Lane(name: "lane")
        let counters = Counters()
        await withTaskGroup { group in
            for _ in 0..<64 {
                group.addTask {
                    await lane.run {
                        if counters.inside.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue > 1 {
                            counters.overlaps.wrappingAdd(1, ordering: .relaxed)
                        }
                        sched_yield()
                        counters.inside.wrappingSubtract(1, ordering: .sequentiallyConsistent)
                    }
                }
            }
        }
        #expect(counters.overlaps.load(ordering: .relaxed) == 0)
    }

    @Test func `errors come back with their type`() async throws {
        let lane = try Lane(name: "lane")
        do throws(Errno) {
            try await lane.run { () throws(Errno) in throw Errno.noSpace }
            Issue.record("nothing was thrown")
        } catch {
            #expect(error == .noSpace)
        }
    }

    @Test func `a task that prefers a lane comes back to its thread`() async throws {
        let lane = try Lane(name: "lane")
        await withTaskExecutorPreference(lane) {
            #expect(lane.isCurrent)
            await Task.yield()
            #expect(lane.isCurrent)
        }
    }

    @Test func `a lane that is let go still does what was given to it`() async throws {
        let done = try EventSignal()
        do {
            let lane = try Lane(name: "brief")
            await lane.run { done.raise() }
        }
        #expect(try done.wait(until: .after(.seconds(20))))
    }

    @Test func `the same key always takes the same lane, and all lanes are used`() throws {
        let lanes = try Lanes(count: 4, name: "lanes")
        let used = Set((0..<200).map { ObjectIdentifier(lanes.lane(for: $0)) })
        #expect(used.count == 4)
        #expect(lanes.lane(for: "key") === lanes.lane(for: "key"))
    }

    @Test func `a thread is joined once it is over`() throws {
        let counters = Counters()
        let thread = try OSThread(name: "a name beyond fifteen bytes") { counters.inside.store(1, ordering: .relaxed) }
        thread.join()
        #expect(counters.inside.load(ordering: .relaxed) == 1)
        thread.join()
    }
}
