import Synchronization

/// Files that are open, by path or by whatever bytes name them. Bounded; the one used longest ago goes first.
package final class FileCache: Sendable {
    private let table: Mutex<ByteTable<OpenFile>>

    package init(capacity: Int = 1024) { table = Mutex(ByteTable(capacity: capacity)) }

    package func file(_ key: Span<UInt8>) -> OpenFile? { table.withLock { $0.value(key) } }

    package func file(_ path: String) -> OpenFile? { file(Array(path.utf8).span) }

    package func insert(_ file: OpenFile, for key: Span<UInt8>) {
        // What is displaced is freed, and its descriptor closed, outside the lock.
        _ = table.withLock { $0.insert(file, for: key) }
    }

    package func insert(_ file: OpenFile, for path: String) { insert(file, for: Array(path.utf8).span) }

    package func remove(_ path: String) {
        let key = Array(path.utf8)
        _ = table.withLock { $0.remove(key.span) }
    }
}
