import Platform

/// What the cache holds and in which order it goes. A value without I/O: it decides, the cache unlinks.
///
/// Files leave in the order they came, but one that was used since it was last looked at is passed over once (the clock
/// algorithm): close to least recently used, without moving anything at a hit.
struct CacheIndex {
    struct Entry: Sendable {
        let name: CacheName
        /// Of the bytes that were verified last; nil until then.
        var verified: FileStamp?
        var wasUsed: Bool
    }

    private let budget: Int64
    private var entries: [CacheID: Entry] = [:]
    private var queue: [CacheID] = []
    private var head = 0
    /// On the disk.
    private(set) var kept: Int64 = 0
    /// Spoken for by what is being filled.
    private(set) var pending: Int64 = 0

    init(budget: Int64) { self.budget = budget }

    var count: Int { entries.count }

    /// What a file of that size takes: whole blocks, or many small playlists would cost more than they count.
    static func room(_ size: Int64) -> Int64 { (size + 4095) & ~4095 }

    mutating func use(_ id: CacheID) -> Entry? {
        guard let entry = entries[id] else { return nil }
        if !entry.wasUsed { entries[id]?.wasUsed = true }
        return entry
    }

    /// Speaks for `size` bytes; says what must be unlinked first. Nil, and nothing changed, where it cannot fit.
    mutating func reserve(_ size: Int64) -> [CacheName]? {
        let wanted = Self.room(size)
        guard wanted <= budget - pending else { return nil }
        pending += wanted
        return evict()
    }

    /// What was reserved is not needed any more, or is there now.
    mutating func release(_ size: Int64) { pending -= Self.room(size) }

    /// An older file of the same blob is returned, to be unlinked if its name differs.
    mutating func keep(_ name: CacheName, verified: FileStamp?) -> CacheName? {
        let old = entries.updateValue(Entry(name: name, verified: verified, wasUsed: false), forKey: name.id)
        kept += Self.room(name.size)
        if let old { kept -= Self.room(old.name.size) } else { queue.append(name.id) }
        return old?.name
    }

    mutating func setVerified(_ id: CacheID, _ stamp: FileStamp) { entries[id]?.verified = stamp }

    @discardableResult
    mutating func remove(_ id: CacheID) -> CacheName? {
        guard let entry = entries.removeValue(forKey: id) else { return nil }
        kept -= Self.room(entry.name.size)
        tidy()
        return entry.name
    }

    mutating func remove(folder: SIMD2<UInt64>) {
        for id in entries.keys.filter({ $0.folder == folder }) { remove(id) }
    }

    /// What must go so that all that is spoken for fits.
    mutating func evict() -> [CacheName] {
        var victims: [CacheName] = []
        while kept + pending > budget, head < queue.count {
            let id = queue[head]
            head += 1
            guard let entry = entries[id] else { continue }
            if entry.wasUsed {
                entries[id]?.wasUsed = false
                queue.append(id)
            } else {
                entries[id] = nil
                kept -= Self.room(entry.name.size)
                victims.append(entry.name)
            }
        }
        tidy()
        return victims
    }

    /// Places of what is gone, and of what came a second time, are dropped once they are most of the queue.
    private mutating func tidy() {
        guard queue.count - head > 2 * entries.count + 64 || head > queue.count / 2 + 64 else { return }
        var seen: Set<CacheID> = []
        queue = queue[head...].filter { entries[$0] != nil && seen.insert($0).inserted }
        head = 0
    }
}
