import Platform
import Synchronization

@testable import Ingest

/// A disk in memory that keeps what was synced apart from what was only written, puts the order of operations on
/// record, fails when told to, and loses its power.
final class MemoryDevice: SpoolDevice {
    struct File {
        var written: [UInt8] = []
        /// What survives for certain, and the changes since, in order.
        var durable: [UInt8] = []
        var changes: [Change] = []
        var hasDurableName = false
        /// What had the name before, for as long as a power cut may bring it back.
        var replaced: [File] = []

        mutating func apply(_ change: Change) {
            changes.append(change)
            written.apply(change)
        }
    }

    enum Change {
        case write([UInt8], at: Int)
        case truncate(Int)
    }

    struct Status {
        var files: [String: File] = [:]
        var folders: Set<String> = []
        var operations: [String] = []
        /// The next operation whose text begins so fails.
        var failure: (prefix: String, errno: Errno)?
        /// Each state that an operation led to, where they are kept.
        var states: [[String: File]]?
        var space: DiskSpace? = DiskSpace(free: 1 << 40, total: 1 << 40)
    }

    let status = Mutex(Status())

    var operations: [String] { status.withLock { $0.operations } }
    var names: [String] { status.withLock { $0.files.keys.sorted() } }
    func clearOperations() { status.withLock { $0.operations = [] } }
    func fail(_ prefix: String, _ errno: Errno) { status.withLock { $0.failure = (prefix, errno) } }

    private func act<T>(_ operation: String, _ body: (inout Status) -> T) throws(Errno) -> T {
        let result: Result<T, Errno> = status.withLock { status in
            status.operations.append(operation)
            if let failure = status.failure, operation.hasPrefix(failure.prefix) {
                status.failure = nil
                return .failure(failure.errno)
            }
            let value = body(&status)
            status.states?.append(status.files)
            return .success(value)
        }
        return try result.get()
    }

    /// From now on each state is kept, so that a test can take the power away after any operation.
    func keepStates() { status.withLock { $0.states = [] } }
    var states: [[String: File]] { status.withLock { $0.states ?? [] } }

    static func kind(_ name: String) -> String {
        name.hasSuffix(".data") ? "data" : name.hasSuffix(".new") ? "new journal" : "journal"
    }

    func file(_ name: String, creating: Bool) throws(Errno) -> (any DeviceFile)? {
        let isThere = status.withLock { $0.files[name] != nil }
        if isThere { return MemoryFile(device: self, name: name) }
        guard creating else { return nil }
        try act("create \(Self.kind(name))") { $0.files[name] = File() }
        return MemoryFile(device: self, name: name)
    }

    func makeFolder(_ name: String) throws(Errno) -> Bool {
        try act("make folder") { $0.folders.insert(name).inserted }
    }

    func syncFolder(_ name: String) throws(Errno) {
        try act("sync folder") { status in
            for file in status.files.keys where file.hasPrefix(name + "/") {
                status.files[file]?.hasDurableName = true
                status.files[file]?.replaced = []
            }
        }
    }

    func exists(_ name: String) -> Bool { status.withLock { $0.files[name] != nil } }

    /// Both names have what is there now: what is linked is not written any more.
    func link(_ name: String, to other: String) throws(Errno) {
        try act("link") { status in
            guard var file = status.files[name] else { return }
            file.hasDurableName = false
            status.files[other] = file
        }
    }

    func rename(_ name: String, to other: String) throws(Errno) {
        try act("rename \(Self.kind(name))") { status in
            guard var file = status.files.removeValue(forKey: name) else { return }
            file.hasDurableName = false
            if let old = status.files[other] { file.replaced = old.replaced + [old] }
            file.replaced.indices.forEach { file.replaced[$0].replaced = [] }
            status.files[other] = file
        }
    }

    func remove(_ name: String) throws(Errno) {
        try act("remove \(Self.kind(name))") { status in status.files[name] = nil }
    }

    func list(_ folder: String) throws(Errno) -> [String] {
        status.withLock { status in
            folder.isEmpty
                ? status.folders.sorted()
                : status.files.keys.filter { $0.hasPrefix(folder + "/") }.map { String($0.dropFirst(folder.count + 1)) }
                    .sorted()
        }
    }

    func space() throws(Errno) -> DiskSpace? { status.withLock { $0.space } }

    func descriptor(_ name: String) throws(Errno) -> FileDescriptor? { nil }

    /// Journals that nobody can read any more.
    func corruptJournals() {
        status.withLock { status in
            for name in status.files.keys where name.hasSuffix(".journal") { status.files[name]?.written[0] ^= 1 }
        }
    }

    /// A write that fails has left half of its bytes, as a disk that becomes full does.
    fileprivate func change(_ name: String, _ operation: String, _ change: Change) throws(Errno) {
        do {
            try act("\(operation) \(Self.kind(name))") { $0.files[name]?.apply(change) }
        } catch {
            if case .write(let bytes, let offset) = change {
                status.withLock { $0.files[name]?.apply(.write(Array(bytes.prefix(bytes.count / 2)), at: offset)) }
            }
            throw error
        }
    }

    fileprivate func sync(_ name: String) throws(Errno) {
        try act("sync \(Self.kind(name))") { status in
            guard let file = status.files[name] else { return }
            status.files[name]?.durable = file.written
            status.files[name]?.changes = []
        }
    }

    /// What a disk may hold after the power went: everything synced, and of the rest any of it, torn anywhere. The file
    /// of a name that was not synced may be there or not.
    func afterPowerCut(_ random: inout TestRandom, state: [String: File]? = nil) -> MemoryDevice {
        let before = status.withLock { $0 }
        let after = MemoryDevice()
        var files: [String: File] = [:]
        for (name, newest) in (state ?? before.files).sorted(by: { $0.key < $1.key }) {
            // One of the files that had the name since it was durable.
            var file = newest
            if !newest.hasDurableName, let old = newest.replaced.randomElement(using: &random),
                Bool.random(using: &random)
            {
                file = old
            }
            let isThere = file.hasDurableName || newest.replaced.contains { $0.hasDurableName }
            guard isThere || Bool.random(using: &random) else { continue }
            var content = file.durable
            for change in file.changes where Bool.random(using: &random) { content.apply(change.torn(&random)) }
            files[name] = File(written: content, durable: content, hasDurableName: true)
        }
        after.status.withLock { [files] in ($0.files, $0.folders) = (files, before.folders) }
        return after
    }
}

private struct MemoryFile: DeviceFile {
    let device: MemoryDevice
    let name: String

    func write(_ bytes: [UInt8], at offset: Int64) throws(Errno) {
        try device.change(name, "write", .write(bytes, at: Int(offset)))
    }
    func truncate(to size: Int64) throws(Errno) { try device.change(name, "truncate", .truncate(Int(size))) }
    func syncData() throws(Errno) { try device.sync(name) }
    func size() throws(Errno) -> Int64 { Int64(device.status.withLock { $0.files[name]?.written.count ?? 0 }) }

    func read(upTo count: Int, at offset: Int64) throws(Errno) -> [UInt8] {
        device.status.withLock { Array(($0.files[name]?.written ?? []).dropFirst(Int(offset)).prefix(count)) }
    }
}

extension MemoryDevice.Change {
    fileprivate func torn(_ random: inout TestRandom) -> Self {
        guard case .write(let bytes, let offset) = self, !bytes.isEmpty, Bool.random(using: &random) else {
            return self
        }
        return .write(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))), at: offset)
    }
}

extension [UInt8] {
    fileprivate mutating func apply(_ change: MemoryDevice.Change) {
        switch change {
        case .write(let bytes, let offset):
            if count < offset + bytes.count { self += [UInt8](repeating: 0, count: offset + bytes.count - count) }
            replaceSubrange(offset..<offset + bytes.count, with: bytes)
        case .truncate(let size):
            if count > size { removeLast(count - size) } else { self += [UInt8](repeating: 0, count: size - count) }
        }
    }
}
