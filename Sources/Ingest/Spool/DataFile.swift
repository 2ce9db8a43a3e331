import Platform
import Synchronization

/// The file with an upload's bytes, made when it is needed: the few bytes of a small upload stand in its journal, and until
/// somebody wants a descriptor a file of their own would only cost the disk a name. Used on the upload's lane alone.
final class DataFile: Sendable {
    /// What is kept in memory before a file is made.
    private static let mostHeld = 16 << 10

    private struct State {
        var file: (any DeviceFile)?
        var isNamed: Bool
        /// What was written before the file was made, in its order.
        var held: [(first: Int64, bytes: [UInt8])] = []
    }

    private let device: any SpoolDevice
    private let name: String
    private let state: Mutex<State>

    /// One that is there already has a durable name; or nobody was told of it.
    init(_ name: String, on device: any SpoolDevice) throws(Errno) {
        self.device = device
        self.name = name
        let file = try device.file(name, creating: false)
        state = Mutex(State(file: file, isNamed: file != nil))
    }

    /// False for one that was never made, or was lost.
    var isThere: Bool { state.withLock { $0.file != nil } }

    /// The file was made and its folder not synced since.
    var needsName: Bool { state.withLock { $0.file != nil && !$0.isNamed } }

    func noteNamed() { state.withLock { $0.isNamed = $0.file != nil } }

    /// `isFew`: the journal will have these too, so the file can wait.
    func write(_ bytes: [UInt8], at offset: Int64, isFew: Bool) throws(Errno) {
        let isHeld = state.withLock { state in
            let size = state.held.reduce(bytes.count) { $0 + $1.bytes.count }
            guard isFew, state.file == nil, size <= Self.mostHeld else { return false }
            state.held.append((offset, bytes))
            return true
        }
        if !isHeld { try made().write(bytes, at: offset) }
    }

    func read(upTo count: Int, at offset: Int64) throws(Errno) -> [UInt8] {
        let (file, held) = state.withLock { ($0.file, $0.held) }
        if let file { return try file.read(upTo: count, at: offset) }
        let size = held.map { $0.first + Int64($0.bytes.count) }.max() ?? 0
        guard offset < size else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(min(Int64(count), size - offset)))
        for piece in held {
            let part = (offset..<offset + Int64(bytes.count)).clamped(
                to: piece.first..<piece.first + Int64(piece.bytes.count))
            guard !part.isEmpty else { continue }
            bytes.replaceSubrange(
                Int(part.lowerBound - offset)..<Int(part.upperBound - offset),
                with: piece.bytes[Int(part.lowerBound - piece.first)..<Int(part.upperBound - piece.first)])
        }
        return bytes
    }

    func syncData() throws(Errno) { try made().syncData() }

    private func made() throws(Errno) -> any DeviceFile {
        if let file = state.withLock({ $0.file }) { return file }
        guard let file = try device.file(name, creating: true) else { throw .noSuchFile }
        for piece in state.withLock({ $0.held }) { try file.write(piece.bytes, at: piece.first) }
        state.withLock { $0 = State(file: file, isNamed: false) }
        return file
    }
}
