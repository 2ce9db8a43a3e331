package import Platform
import Synchronization

/// Blobs as files below one folder, named as their keys are. Its promise: a name shows whole bytes or nothing, and what was
/// put survives a power cut. It owns `root` alone; blocking work runs on its lanes.
///
///     root/objects/{key}      what is there
///     root/tmp/               what is being put; emptied at every start
package struct LocalBlobStore: BlobStore {
    let tree: BlobTree
    let lanes: Lanes

    /// Blocks: called once at start.
    package init(root: String, lanes: Lanes) throws(BlobFailure) {
        tree = try BlobTree(root: root)
        self.lanes = lanes
    }

    /// For another process than the owner's, which may only look: `init(root:)` throws away what the owner is putting.
    package init(reading root: String, lanes: Lanes) {
        tree = BlobTree(reading: root)
        self.lanes = lanes
    }

    /// For another process than the owner's, which puts blobs of its own beside him.
    package init(beside root: String, lanes: Lanes) throws(BlobFailure) {
        tree = try BlobTree(beside: root)
        self.lanes = lanes
    }

    package func put(_ bytes: [UInt8], at key: BlobKey) async throws(BlobFailure) {
        let tree = tree
        try await lanes.lane(for: key).run { () throws(BlobFailure) in
            try tree.publish([BlobItem(key, .bytes(bytes))])
        }
    }

    package func put(file: borrowing FileDescriptor, at key: BlobKey) async throws(BlobFailure) {
        let tree = tree
        // A descriptor of our own, so that the caller's may close while the lane works.
        let copy: FileDescriptor
        do throws(Errno) { copy = try file.duplicate() } catch { throw BlobFailure(error, key.path) }
        try await lanes.lane(for: key).run { () throws(BlobFailure) in
            try tree.publish(file: copy, at: key)
        }
    }

    package func put(all items: [BlobItem]) async throws(BlobFailure) {
        guard let first = items.first else { return }
        let tree = tree
        try await lanes.lane(for: first.key).run { () throws(BlobFailure) in try tree.publish(items) }
    }

    package func adopt(folder: String, as prefix: BlobKey) async throws(BlobFailure) {
        let tree = tree
        try await lanes.lane(for: prefix).run { () throws(BlobFailure) in try tree.adopt(folder, as: prefix) }
    }

    package func get(_ key: BlobKey, limit: Int) async throws(BlobFailure) -> [UInt8] {
        let path = tree.path(of: key)
        return try await lanes.lane(for: key).run { () throws(BlobFailure) in
            do throws(Errno) {
                return try Files.readWhole(path, limit: limit)
            } catch .tooBig {
                throw BlobFailure(.refused, "\(key) is larger than \(limit) bytes")
            } catch {
                throw BlobFailure(error, key.path)
            }
        }
    }

    package func read(_ key: BlobKey, range: Range<Int64>?) async throws(BlobFailure) -> any BlobReader {
        let path = tree.path(of: key)
        let lane = lanes.lane(for: key)
        return try await lane.run { () throws(BlobFailure) in
            do throws(Errno) {
                return try FileReader(path, range: range, key: key, lane: lane)
            } catch {
                throw BlobFailure(error, key.path)
            }
        }
    }

    package func copy(_ from: BlobKey, to: BlobKey) async throws(BlobFailure) {
        let tree = tree
        try await lanes.lane(for: to).run { () throws(BlobFailure) in try tree.copy(from, to: to) }
    }

    package func size(of key: BlobKey) async throws(BlobFailure) -> Int64? {
        let path = tree.path(of: key)
        return try await lanes.lane(for: key).run { () throws(BlobFailure) in
            do throws(Errno) {
                return Files.isFolder(path) ? nil : try Files.size(path)
            } catch {
                throw BlobFailure(error, key.path)
            }
        }
    }

    package func delete(_ key: BlobKey) async throws(BlobFailure) {
        let tree = tree
        try await lanes.lane(for: key).run { () throws(BlobFailure) in try tree.delete(key) }
    }

    package func list(prefix: String, after: BlobKey?, limit: Int) async throws(BlobFailure) -> [BlobEntry] {
        let tree = tree
        return try await lanes.lane(for: prefix).run { () throws(BlobFailure) in
            try tree.list(prefix: prefix, after: after, limit: limit)
        }
    }

    package func localPath(of key: BlobKey) -> String? { tree.path(of: key) }
}

/// A blob of this disk, read by its store's lane.
private final class FileReader: BlobReader {
    let size: Int64
    let tag: String
    private let file: SharedDescriptor
    private let key: BlobKey
    private let lane: Lane
    private let end: Int64
    private let offset: Mutex<Int64>

    init(_ path: String, range: Range<Int64>?, key: BlobKey, lane: Lane) throws(Errno) {
        guard !Files.isFolder(path) else { throw .noSuchFile }
        file = SharedDescriptor(try .reading(path))
        let stamp = try file.descriptor.stamp()
        size = stamp.size
        tag = "\"\(String(stamp.inode, radix: 16))-\(String(stamp.changed, radix: 16))\""
        // The errno of a range that is none.
        if let range, range.lowerBound >= stamp.size { throw .invalid }
        end = min(range?.upperBound ?? stamp.size, stamp.size)
        offset = Mutex(range?.lowerBound ?? 0)
        self.key = key
        self.lane = lane
    }

    func next() async throws(BlobFailure) -> [UInt8] {
        let from = offset.withLock { $0 }
        guard from < end else { return [] }
        let (file, key, count) = (file, key, Int(min(end - from, 256 << 10)))
        let bytes = try await lane.run { () throws(BlobFailure) in
            do throws(Errno) {
                return try file.descriptor.read(upTo: count, at: from)
            } catch {
                throw BlobFailure(error, key.path)
            }
        }
        guard bytes.count == count else { throw BlobFailure(.away, "the disk ended \(key) before its size") }
        offset.withLock { $0 = from + Int64(count) }
        return bytes
    }
}
