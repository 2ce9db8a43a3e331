/// Deadlines of many descriptors at the price of a ring of short lists. An entry is only a promise to look at a watch: the
/// watch knows its true deadline, which moves with every request without the ring being touched; an entry that comes due
/// too early is put in again further on.
struct ReactorWheel {
    private struct Entry {
        let watch: Watch
        let due: Int64
    }

    private static let tick: Int64 = 32
    private static let size: Int64 = 1024
    private var buckets = [[Entry]](repeating: [], count: Int(size))
    private var turned: Int64
    private var count = 0
    /// No entry is due before this moment.
    private(set) var nextDue = Int64.max

    init(now: Int64) { turned = now / Self.tick }

    mutating func setDeadline(_ deadline: Int64, of watch: Watch) {
        watch.deadline = deadline
        if deadline < watch.scheduled { insert(watch) }
    }

    /// Returns every watch whose deadline has come.
    mutating func advance(to now: Int64) -> [Watch] {
        guard now >= nextDue else { return [] }
        var expired: [Watch] = []
        let last = now / Self.tick
        // After a long sleep one round of the ring sees every entry.
        turned = max(turned, last - Self.size)
        while turned < last {
            turned += 1
            let slot = Int(turned % Self.size)
            guard !buckets[slot].isEmpty else { continue }
            let entries = buckets[slot]
            buckets[slot] = []
            count -= entries.count
            for entry in entries { look(at: entry, now, &expired) }
        }
        findNext()
        return expired
    }

    private mutating func look(at entry: Entry, _ now: Int64, _ expired: inout [Watch]) {
        let watch = entry.watch
        guard watch.scheduled == entry.due, !watch.isRemoved else { return }
        watch.scheduled = .max
        if watch.deadline <= now {
            expired.append(watch)
        } else if watch.deadline != .max {
            insert(watch)
        }
    }

    /// What lies past the ring's end waits in its last list, and is put in again from there.
    private mutating func insert(_ watch: Watch) {
        let slot = min(max(watch.deadline / Self.tick + 1, turned + 1), turned + Self.size - 1)
        watch.scheduled = slot * Self.tick
        buckets[Int(slot % Self.size)].append(Entry(watch: watch, due: watch.scheduled))
        count += 1
        nextDue = min(nextDue, watch.scheduled)
    }

    private mutating func findNext() {
        nextDue = .max
        guard count > 0 else { return }
        var slot = turned + 1
        while buckets[Int(slot % Self.size)].isEmpty { slot += 1 }
        nextDue = slot * Self.tick
    }
}
