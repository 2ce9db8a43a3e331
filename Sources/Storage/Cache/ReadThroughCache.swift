package import Platform
import Crypto
import Synchronization

/// Blobs of a store that keeps no files, as files of this disk: bounded, filled once however many ask, readable while they
/// fill, and there again after a restart. What it hands out has the length and the digest that came from the store. It
/// owns its folder alone.
///
///     root/objects/{hash of the generation}/{hash of the key}-{length}-{SHA-256}
///     root/tmp/                                                what is being filled; emptied at every start
///
/// It relies on names that never change their bytes. A cached blob is served without asking the store, so players go on
/// while that is away.
package final class ReadThroughCache: BlobShelf {
    package struct Limits: Sendable {
        /// Of the disk, in bytes.
        package var budget: Int64
        /// Larger ones are read straight from the store: an original would push out a hundred segments.
        package var largest: Int64
        /// Blobs being filled at once; past it, straight from the store.
        package var fills: Int

        package init(budget: Int64, largest: Int64 = 32 << 20, fills: Int = 64) {
            self.budget = budget
            self.largest = largest
            self.fills = fills
        }
    }

    /// How a request for a blob was met.
    package enum Outcome: String, Sendable, CaseIterable {
        case hit, miss
        /// Somebody else's miss was under way.
        case joined
        /// Too large, no room, or too many at once: straight from the store.
        case bypass
        /// A file that was torn or altered; it was thrown away and is fetched anew.
        case refused
    }

    private struct State {
        var index: CacheIndex
        var fillings: [CacheID: Filling] = [:]
        var isOver = false
    }

    private enum Found {
        case kept(CacheIndex.Entry)
        case filling(Filling, isNew: Bool)
        case busy
    }

    private let limits: Limits
    private let store: any BlobStore
    private let folder: CacheFolder
    private let lanes: Lanes
    private let told: @Sendable (Outcome) -> Void
    private let state: Mutex<State>

    /// Blocks, for it walks the folder: called once at start.
    package init(
        root: String, limits: Limits, store: any BlobStore, lanes: Lanes,
        told: @escaping @Sendable (Outcome) -> Void = { _ in }
    ) throws(Errno) {
        self.limits = limits
        self.store = store
        self.lanes = lanes
        self.told = told
        folder = try CacheFolder(root: root)
        var index = CacheIndex(budget: limits.budget)
        for name in try folder.walk() {
            // A crash between a fill and the unlinking of what it replaced leaves two.
            if let older = index.keep(name, verified: nil), older.path != name.path { folder.remove([older]) }
        }
        folder.remove(index.evict())
        state = Mutex(State(index: index))
    }

    /// What an earlier life left in a folder, in bytes of the disk. Blocks.
    package static func held(in root: String) throws(Errno) -> Int64 {
        try CacheFolder(root: root).walk().reduce(0) { $0 + CacheIndex.room($1.size) }
    }

    // MARK: Opening

    package func open(_ key: BlobKey, size: Int64?) async throws(BlobFailure) -> OpenBlob {
        let id = CacheID(key)
        if let size, size > limits.largest {
            told(.bypass)
            return .stream(DirectBlob(store: store, key: key, size: size))
        }
        // A file that is refused is looked for once more: then it is filled anew, or somebody just did.
        for _ in 0..<2 {
            switch find(id, key) {
            case .kept(let entry):
                guard let file = await open(entry, id, key) else { continue }
                told(.hit)
                return .file(file)
            case .filling(let filling, let isNew):
                if isNew { begin(filling, id) }
                told(isNew ? .miss : .joined)
                return try await follow(filling)
            case .busy: break
            }
        }
        told(.bypass)
        return try await direct(key)
    }

    /// Under one lock: so there is one filling, whoever comes.
    private func find(_ id: CacheID, _ key: BlobKey) -> Found {
        state.withLock { state in
            if let entry = state.index.use(id) { return .kept(entry) }
            if let filling = state.fillings[id] { return .filling(filling, isNew: false) }
            guard state.fillings.count < limits.fills, !state.isOver else { return .busy }
            let filling = Filling(key)
            state.fillings[id] = filling
            return .filling(filling, isNew: true)
        }
    }

    private func follow(_ filling: Filling) async throws(BlobFailure) -> OpenBlob {
        switch try await filling.opened() {
        case .file(let file, let size):
            .stream(FollowedBlob(filling: filling, shared: file, size: size, store: store, lanes: lanes))
        case .direct(let size): .stream(DirectBlob(store: store, key: filling.key, size: size))
        }
    }

    private func direct(_ key: BlobKey) async throws(BlobFailure) -> OpenBlob {
        guard let size = try await store.size(of: key) else {
            throw BlobFailure(.absent, "there is nothing at \(key)")
        }
        return .stream(DirectBlob(store: store, key: key, size: size))
    }

    /// Nil when it is gone or not what it should be; it is then forgotten.
    private func open(_ entry: CacheIndex.Entry, _ id: CacheID, _ key: BlobKey) async -> SharedDescriptor? {
        let folder = folder
        let opened = await lanes.lane(for: key).run { () -> (file: SharedDescriptor, stamp: FileStamp)? in
            // Whatever the disk says, the store has it too.
            try? folder.open(entry.name, verified: entry.verified)
        }
        if let opened {
            if opened.stamp != entry.verified { state.withLock { $0.index.setVerified(id, opened.stamp) } }
            return opened.file
        }
        told(.refused)
        let isOurs = state.withLock { state in state.index.remove(id)?.path == entry.name.path }
        if isOurs { await lanes.lane(for: key).run { folder.remove([entry.name]) } }
        return nil
    }

    // MARK: Filling

    /// The task is ended by `shutDown`, and otherwise ends with its blob or by the store's deadlines. It is no reader's: one
    /// that leaves does not take the bytes from those that stay.
    private func begin(_ filling: Filling, _ id: CacheID) {
        let task = Task { [self] in
            let end = await fill(filling, id)
            // Out of the way first: whoever comes now finds the file, or begins anew.
            state.withLock { $0.fillings[id] = nil }
            if case .failure(let failure) = end { filling.open(.failure(failure)) }
            filling.end(end)
        }
        filling.run(task)
        // The end came between the two lines above.
        if state.withLock({ $0.isOver }) { task.cancel() }
    }

    private func fill(_ filling: Filling, _ id: CacheID) async -> Result<Void, BlobFailure> {
        do throws(BlobFailure) {
            let reader = try await store.read(filling.key, range: nil)
            let size = reader.size
            guard size <= limits.largest, let victims = state.withLock({ $0.index.reserve(size) }) else {
                filling.open(.success(.direct(size: size)))
                return .success(())
            }
            defer { state.withLock { $0.index.release(size) } }
            let (folder, lane) = (folder, lanes.lane(for: filling.key))
            let place = await lane.run { () -> (file: SharedDescriptor, path: String)? in
                folder.remove(victims)
                // A full disk is no reason to serve nobody.
                return try? folder.begin(size: size)
            }
            guard let place else {
                filling.open(.success(.direct(size: size)))
                return .success(())
            }
            filling.open(.success(.file(place.file, size: size)))
            do throws(BlobFailure) {
                try await keep(try await copy(reader, to: place.file, filling, size), of: id, size, place)
                return .success(())
            } catch {
                await lane.run { folder.discard(place.path) }
                throw error
            }
        } catch {
            return .failure(error)
        }
    }

    private func copy(
        _ reader: any BlobReader, to file: SharedDescriptor, _ filling: Filling, _ size: Int64
    ) async throws(BlobFailure) -> CacheDigest {
        let (key, lane) = (filling.key, lanes.lane(for: filling.key))
        var hash = SHA256()
        var offset: Int64 = 0
        while true {
            let bytes = try await reader.next()
            if bytes.isEmpty { break }
            guard offset + Int64(bytes.count) <= size else {
                throw BlobFailure(.away, "the store sent more of \(key) than the \(size) bytes it named")
            }
            let (place, before) = (offset, hash)
            hash = try await lane.run { () throws(BlobFailure) in
                do throws(Errno) {
                    try file.descriptor.write(bytes, at: place)
                } catch {
                    throw BlobFailure(error, key.path)
                }
                var hash = before
                hash.update(bytes)
                return hash
            }
            offset += Int64(bytes.count)
            filling.wrote(upTo: offset)
        }
        guard offset == size else {
            throw BlobFailure(.away, "the store sent \(offset) of the \(size) bytes of \(key)")
        }
        return CacheDigest(hash.finish())
    }

    private func keep(
        _ digest: CacheDigest, of id: CacheID, _ size: Int64, _ place: (file: SharedDescriptor, path: String)
    ) async throws(BlobFailure) {
        let (folder, name) = (folder, CacheName(id: id, size: size, digest: digest))
        let stamp = await lanes.lane(for: id).run { () -> FileStamp? in
            do throws(Errno) {
                try folder.publish(place.path, as: name)
                return try place.file.descriptor.stamp()
            } catch {
                folder.discard(place.path)
                return nil
            }
        }
        // Readers have their bytes all the same; the next one fetches them again.
        guard let stamp else { return }
        let older = state.withLock { state in state.index.keep(name, verified: stamp) }
        if let older, older.path != name.path { await lanes.lane(for: id).run { folder.remove([older]) } }
    }

    // MARK: Ending

    package func forget(_ prefix: BlobKey) async {
        let (folder, group) = (folder, CacheID.folder(of: prefix))
        state.withLock { $0.index.remove(folder: group) }
        await lanes.lane(for: group).run {
            // What stays is never asked for again, and evicted in its turn after the next start's walk.
            try? folder.remove(folder: group)
        }
    }

    /// Ends what is being filled, and waits for that.
    package func shutDown() async {
        let fillings = state.withLock { state in
            state.isOver = true
            return Array(state.fillings.values)
        }
        for filling in fillings { filling.task?.cancel() }
        for filling in fillings { await filling.task?.value }
    }

    /// Bytes on the disk.
    package var held: Int64 { state.withLock { $0.index.kept } }
}
