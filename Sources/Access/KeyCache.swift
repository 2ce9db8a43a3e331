package import Core
internal import Synchronization

/// Remembers what a directory said for a few seconds, so that a busy key costs no query a request and a revoked one is
/// dead within that time. Bounded: when it is full it forgets everything.
package final class KeyCache: KeyDirectory {
    private struct Entry {
        let keys: [StoredKey]
        let since: Timestamp
        let until: Timestamp

        /// A clock that was set back makes no entry live longer.
        func holds(at now: Timestamp) -> Bool { since <= now && now < until }
    }

    private let directory: any KeyDirectory
    private let time: any TimeSource
    private let lifetime: Duration
    private let capacity: Int
    private let entries = Mutex<[String: Entry]>([:])

    package init(
        _ directory: any KeyDirectory, time: any TimeSource, lifetime: Duration = .seconds(3), capacity: Int = 4096
    ) {
        self.directory = directory
        self.time = time
        self.lifetime = lifetime
        self.capacity = capacity
    }

    package func find(prefix: String) async throws -> [StoredKey] {
        let now = time.now
        if let entry = entries.withLock({ $0[prefix] }), entry.holds(at: now) { return entry.keys }
        let keys = try await directory.find(prefix: prefix)
        let entry = Entry(keys: keys, since: now, until: now + lifetime)
        entries.withLock { entries in
            if entries.count >= capacity { entries.removeAll() }
            entries[prefix] = entry
        }
        return keys
    }
}
