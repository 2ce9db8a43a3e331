import App
import Core
import Platform
import Storage

/// `store cp`: files and folders between this machine and a store, or two stores, several at once. Bytes pass through
/// pieces at a time; a name shows a whole file or nothing.
struct StoreCopy: Sendable {
    enum End: Sendable {
        case local(String)
        case stored(StoreName)

        init(_ text: String) throws {
            let isStored = text.hasPrefix("s3://") || text.hasPrefix("file:")
            self = isStored ? .stored(try StoreCommand.name(text)) : .local(text)
        }

        /// What it says of itself, before anybody looks.
        var isFolder: Bool {
            switch self {
            case .local(let path): path.hasSuffix("/") || Files.isFolder(path)
            case .stored(let name): name.isFolder
            }
        }
    }

    private struct Item: Sendable {
        let from: End
        let to: End
        let size: Int64
    }

    private let opening: StoreOpening
    private let concurrency: Int
    private let isQuiet: Bool

    init(_ opening: StoreOpening, _ flags: Flags) throws {
        self.opening = opening
        concurrency =
            try flags.value("--concurrency").map { try StoreCommand.whole($0, "--concurrency", upTo: 64) } ?? 4
        isQuiet = flags.has("--quiet")
    }

    func run(from: String, to: String) async throws -> Int32 {
        let (source, target) = (try End(from), try End(to))
        if case .local = source, case .local = target {
            throw Complaint.usage("both are files of this machine", "one of them is s3://bucket/key or file:key")
        }
        let sourceStore = try open(source, isTarget: false)
        let targetStore = try open(target, isTarget: true)
        let result: Result<Int32, any Error>
        do {
            let items = try await items(source, target, sourceStore?.store)
            result = .success(await copy(items, sourceStore?.store, targetStore?.store))
        } catch let failure as BlobFailure {
            result = .failure(StoreCommand.complaint("cannot copy \(from)", failure))
        } catch {
            result = .failure(error)
        }
        await sourceStore?.shutDown()
        await targetStore?.shutDown()
        return try result.get()
    }

    private func open(_ end: End, isTarget: Bool) throws -> StoreOpening.Opened? {
        guard case .stored(let name) = end else { return nil }
        return isTarget ? try opening.openForWriting(name.place) : try opening.open(name.place)
    }

    // MARK: What is copied

    private func items(_ source: End, _ target: End, _ store: (any BlobStore)?) async throws -> [Item] {
        switch source {
        case .local(let path):
            if Files.isFolder(path) {
                let root = path.hasSuffix("/") ? String(path.dropLast()) : path
                return try Self.files(below: root).map { name, size in
                    Item(from: .local("\(root)/\(name)"), to: try Self.join(target, name), size: size)
                }
            }
            guard let size = try Files.size(path) else {
                throw Complaint(
                    "cannot copy \(path)", why: "there is no such file", remedy: "name another", code: "NOT_FOUND")
            }
            return [Item(from: source, to: try Self.place(target, Self.last(path)), size: size)]
        case .stored(let name):
            guard let store else { return [] }
            if name.isFolder { return try await below(name, target, store) }
            guard let key = BlobKey(name.path), let size = try await store.size(of: key) else {
                throw BlobFailure(.absent, "there is nothing at \(name); a folder ends in /")
            }
            return [Item(from: source, to: try Self.place(target, Self.last(name.path)), size: size)]
        }
    }

    private func below(_ folder: StoreName, _ target: End, _ store: any BlobStore) async throws -> [Item] {
        let prefix = folder.path.isEmpty ? "" : folder.path + "/"
        var (items, after): ([Item], BlobKey?) = ([], nil)
        while true {
            let page = try await store.list(prefix: prefix, after: after, limit: 1000)
            for entry in page {
                let name = String(entry.key.path.dropFirst(prefix.count))
                let from = StoreName(folder.place, entry.key.path, isFolder: false)
                items.append(Item(from: .stored(from), to: try Self.join(target, name), size: entry.size))
            }
            guard page.count == 1000, let last = page.last else { return items }
            after = last.key
        }
    }

    private static func files(below root: String) throws -> [(String, Int64)] {
        var found: [(String, Int64)] = []
        func walk(_ folder: String, _ depth: Int) throws {
            guard depth < 64 else {
                throw Complaint("cannot copy \(root)", why: "folders lie 64 deep", remedy: "look for a link to itself")
            }
            for name in try Files.list(folder.isEmpty ? root : "\(root)/\(folder)").sorted() {
                let path = folder.isEmpty ? name : "\(folder)/\(name)"
                if Files.isFolder("\(root)/\(path)") {
                    try walk(path, depth + 1)
                } else if let size = try Files.size("\(root)/\(path)") {
                    found.append((path, size))
                }
            }
        }
        try walk("", 0)
        return found
    }

    /// A file goes into a folder under its own name, else to the very name.
    private static func place(_ target: End, _ name: String) throws -> End {
        target.isFolder ? try join(target, name) : target
    }

    private static func join(_ target: End, _ name: String) throws -> End {
        switch target {
        case .local(let path):
            return .local(path.hasSuffix("/") ? path + name : "\(path)/\(name)")
        case .stored(let folder):
            let path = folder.path.isEmpty ? name : "\(folder.path)/\(name)"
            guard BlobKey(path) != nil else {
                throw Complaint(
                    "cannot copy \(name)", why: "a key has no spaces, and nothing beyond ASCII",
                    remedy: "rename the file",
                    code: "INVALID_REQUEST")
            }
            return .stored(StoreName(folder.place, path, isFolder: false))
        }
    }

    private static func last(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }

    // MARK: Copying

    private func copy(_ items: [Item], _ source: (any BlobStore)?, _ target: (any BlobStore)?) async -> Int32 {
        let progress = CopyProgress(
            files: items.count, bytes: items.reduce(0) { $0.clampedSum($1.size) }, isQuiet: isQuiet)
        let failures = await withTaskGroup(of: String?.self) { group in
            var (rest, running, failures) = (items[...], 0, [String]())
            while true {
                while running < concurrency, let item = rest.popFirst() {
                    running += 1
                    group.addTask { await one(item, source, target, progress) }
                }
                guard let ended = await group.next() else { break }
                running -= 1
                if let ended { failures.append(ended) }
            }
            return failures
        }
        progress.end(failed: failures.count)
        for failure in failures.sorted() { Terminal.error("sluice: cannot copy \(failure)\n") }
        return failures.isEmpty ? 0 : 1
    }

    /// Nil, or the sentence of its failure: the others go on.
    private func one(
        _ item: Item, _ source: (any BlobStore)?, _ target: (any BlobStore)?, _ progress: CopyProgress
    ) async -> String? {
        do {
            switch (item.from, item.to) {
            case (.local(let path), .stored(let name)):
                guard let target, let key = BlobKey(name.path) else { return nil }
                try await Self.put(SharedDescriptor(try .reading(path)), item.size, at: key, in: target)
                progress.add(item.size)
            case (.stored(let name), .local(let path)):
                guard let source, let key = BlobKey(name.path) else { return nil }
                try await Self.get(key, from: source, to: path, progress)
            case (.stored(let from), .stored(let to)):
                guard let source, let target, let key = BlobKey(from.path), let new = BlobKey(to.path) else {
                    return nil
                }
                if from.place == to.place {
                    try await target.copy(key, to: new)
                    progress.add(item.size)
                } else {
                    let file = SharedDescriptor(try FileDescriptor.unnamed(in: "/tmp"))
                    try await Self.write(try await source.read(key, range: nil), to: file, progress)
                    try await target.put(file: file.descriptor, at: new)
                }
            case (.local, .local): return nil
            }
            progress.fileEnded()
            return nil
        } catch let failure as BlobFailure {
            return "\(item.from.text): \(failure.message)"
        } catch {
            return "\(item.from.text): \(error)"
        }
    }

    /// A store of this machine would take the very file by a link, and change with it: it gets bytes of its own.
    private static func put(
        _ file: SharedDescriptor, _ size: Int64, at key: BlobKey, in store: any BlobStore
    ) async throws {
        guard let path = store.localPath(of: key) else { return try await store.put(file: file.descriptor, at: key) }
        let folder = path.dropLast(key.path.utf8.count + 1)
        let copy = SharedDescriptor(try FileDescriptor.unnamed(in: String(folder)))
        var offset: Int64 = 0
        while case let bytes = try file.descriptor.read(upTo: 1 << 20, at: offset), !bytes.isEmpty {
            try copy.descriptor.write(bytes, at: offset)
            offset += Int64(bytes.count)
        }
        try await store.put(file: copy.descriptor, at: key)
    }

    private static func get(
        _ key: BlobKey, from store: any BlobStore, to path: String, _ progress: CopyProgress
    ) async throws {
        let reader = try await store.read(key, range: nil)
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try Files.makeFolder(String(path[..<slash]), mode: 0o777)
        }
        let temporary = "\(path).\(UInt32.random(in: 0 ... .max)).part"
        let file = SharedDescriptor(try FileDescriptor.creating(temporary, mode: 0o666))
        do {
            try await write(reader, to: file, progress)
            try Files.move(temporary, to: path)
        } catch {
            // The failure that is told is the first one.
            _ = try? Files.remove(temporary)
            throw error
        }
    }

    private static func write(_ reader: any BlobReader, to file: SharedDescriptor, _ progress: CopyProgress)
        async throws
    {
        var offset: Int64 = 0
        while case let bytes = try await reader.next(), !bytes.isEmpty {
            try file.descriptor.write(bytes, at: offset)
            offset += Int64(bytes.count)
            progress.add(Int64(bytes.count))
        }
    }
}

extension StoreCopy.End {
    fileprivate var text: String {
        switch self {
        case .local(let path): path
        case .stored(let name): name.description
        }
    }
}
