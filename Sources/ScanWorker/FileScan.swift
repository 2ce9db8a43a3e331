import CClamAV
import Glibc
import Platform
import ScanBridge

/// Comes to the verdict on one file, inside a jailed child. Each step that is not proven to have worked makes the file
/// unscannable; nothing here turns trouble into clean.
struct FileScan {
    static let window = 128 << 20
    static let overlap = 1 << 20
    /// The engine goes through some files twice, and counts that twice towards its limit.
    static let largestWhole = 256 << 20
    /// The engine counts in blocks and leaves out what it skips of a file's last ones.
    static let uncounted: Int64 = 128 << 10

    let engine: Engine
    private var evidence: Evidence
    private let began = Deadline.now

    init(_ engine: Engine) {
        self.engine = engine
        evidence = Evidence(engine: engine.info.engine, database: engine.info.database)
    }

    mutating func verdict(on file: borrowing FileDescriptor, size: Int64) -> Verdict {
        let finding = find(in: file, size: size)
        evidence.milliseconds = Int64((Deadline.now - began) / .milliseconds(1))
        switch finding {
        case .clean: return .clean(evidence)
        case .infected(let names): return .infected(names, evidence)
        case .suspicious(let names): return .suspicious(names, evidence)
        case .unscannable(let reason): return .unscannable(reason, evidence)
        }
    }

    private enum Finding {
        case clean
        case infected([String])
        case suspicious([String])
        case unscannable(String)
    }

    private mutating func find(in file: borrowing FileDescriptor, size: Int64) -> Finding {
        do throws(Errno) {
            let actual = try file.size()
            guard actual == size else { return .unscannable("the file has \(actual) bytes, \(size) were expected") }
        } catch {
            return .unscannable("the file cannot be examined: \(error)")
        }
        guard size > 0 else { return .unscannable("the file is empty") }
        guard let start = mmap(nil, Int(size), PROT_READ, MAP_PRIVATE, file.raw, 0), start != MAP_FAILED else {
            return .unscannable("the file cannot be mapped: \(Errno(code: errno))")
        }
        defer { munmap(start, Int(size)) }
        let bytes = UnsafeRawBufferPointer(start: start, count: Int(size))

        // Only a container gains from being seen whole: it is unpacked.
        let isWhole = size <= (Self.isContainer(bytes) ? Engine.largestFile : Self.largestWhole)
        let passes = isWhole ? [engine.scan(descriptor: file.raw)] : windows(of: bytes)
        evidence.bytesScanned = passes.reduce(0) { $0 + $1.bytesScanned }
        let containers = RawSearch.containers(in: bytes)
        evidence.witnesses.append("raw-search")
        if let finding = judge(passes, containers) { return finding }
        if size > Engine.largestFile, Self.isContainer(bytes) {
            return .unscannable("an archive of more than \(Engine.largestFile >> 20) MiB is not unpacked")
        }
        guard evidence.bytesScanned + Self.uncounted >= size else {
            return .unscannable("only \(evidence.bytesScanned) of \(size) bytes were looked at")
        }
        evidence.witnesses.append("coverage")
        guard Canaries.findsDeflated(engine) else {
            return .unscannable("after this file the engine no longer finds its test virus")
        }
        evidence.witnesses.append("deflated-canary")
        return .clean
    }

    /// Nil where nothing speaks against the file.
    private func judge(_ passes: [Pass], _ containers: [String]) -> Finding? {
        let viruses = passes.flatMap(\.viruses)
        let real = viruses.filter { !$0.hasPrefix("Heuristics.") }
        if !real.isEmpty { return .infected(Self.unique(real)) }
        if viruses.contains("Heuristics.Limits.Exceeded.MaxScanTime") {
            return .unscannable("the scan did not end in time")
        }
        var doubts = viruses
        if passes.contains(where: { $0.layers.encrypted > 0 }) { doubts.append("Sluice.Encrypted") }
        if passes.contains(where: { $0.layers.rar > 0 }) { doubts.append("Sluice.RAR") }
        doubts += containers.map { "Sluice.Embedded.\($0)" }
        if !doubts.isEmpty { return .suspicious(Self.unique(doubts)) }
        for pass in passes {
            if pass.code != CL_CLEAN {
                return .unscannable("the engine says: \(String(cString: cl_strerror(pass.code)))")
            }
            if let message = pass.messages.first { return .unscannable("the engine warns: \(message)") }
            if pass.layers.ignored > 0 { return .unscannable("a part is of a type that the engine does not read") }
            if pass.layers.truncated > 0 { return .unscannable("a part is larger than what is scanned") }
        }
        return nil
    }

    /// Each as a file of its own; the overlap keeps whole what lies across a border.
    private func windows(of bytes: UnsafeRawBufferPointer) -> [Pass] {
        var passes: [Pass] = []
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.window, bytes.count)
            let pass = engine.scan(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
            passes.append(pass)
            if end == bytes.count || pass.code != CL_CLEAN { break }
            start = end - Self.overlap
        }
        return passes
    }

    /// What would have to be unpacked as a whole; no sound file begins so.
    private static func isContainer(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let magics: [[UInt8]] = [
            [0x50, 0x4b], [0x1f, 0x8b], [0x37, 0x7a, 0xbc, 0xaf], [0x42, 0x5a, 0x68], [0xfd, 0x37, 0x7a, 0x58],
            [0x28, 0xb5, 0x2f, 0xfd], [0x4d, 0x53, 0x43, 0x46], [0xd0, 0xcf, 0x11, 0xe0], [0x25, 0x50, 0x44, 0x46],
        ]
        let isTar = bytes.count > 262 && bytes[257..<262].elementsEqual("ustar".utf8)
        return isTar || magics.contains { bytes.starts(with: $0) }
    }

    private static func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }
}
