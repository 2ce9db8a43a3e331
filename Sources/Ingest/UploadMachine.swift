/// Decides what an upload may do next. It touches neither disk nor network: `Reception` does what it says, and tells it
/// what became durable.
///
///     receiving ──every byte durable, and asked to──▶ sealed
///         ├── a body too long ──────────▶ ended(.tooLong)
///         ├── bytes of no format of ours ▶ ended(.unsupported)
///         ├── other bytes than declared ─▶ ended(.digestMismatch)
///         ├── the disk refused to sync ──▶ ended(.broken)
///         └── cancel, expiry ────────────▶ ended(.cancelled), ended(.expired)
package struct UploadMachine: Sendable {
    package enum State: Equatable, Sendable {
        case receiving
        case sealed
        case ended(Reason)
    }

    package enum Reason: UInt8, Equatable, Sendable, CaseIterable {
        case cancelled = 1, expired, tooLong, unsupported, digestMismatch, broken
    }

    /// One request that brings bytes.
    package struct Writer: Hashable, Sendable {
        let number: UInt64
    }

    /// What the service must do with the bytes of one request.
    package enum Admission: Equatable, Sendable {
        /// Read and write them; the older writers of the same bytes are over.
        case write(Writer, superseding: [Writer])
        /// All of it is there: the bytes must equal what is stored.
        case compare
        case outside(length: Int64)
        case ended(Reason)
    }

    /// What becomes of a request that appends.
    package enum Appending: Equatable, Sendable {
        /// Read and write its bytes; the older writers are over.
        case write(Writer, superseding: [Writer])
        case mismatch(offset: Int64)
        /// More is here than the upload has: a length that became known too late.
        case beyond(length: Int64)
        /// Bytes of an older writer are on their way into the journal: ask again once they are there.
        case busy
        case sealed
        case ended(Reason)
    }

    package enum Sealing: Equatable, Sendable {
        case seal
        case sealed
        case incomplete
        case ended(Reason)
    }

    private struct Work {
        var range: Range<Int64>
        /// Its bytes are on their way into the journal: nothing ends it any more.
        var isCommitting = false
        /// A newer request brings the same bytes: it is over with its commit.
        var isSuperseded = false
    }

    package private(set) var state: State
    /// Nil while the client has not said it.
    package private(set) var length: Int64?
    /// Durable, and never taken back.
    package private(set) var received: IntervalSet
    private var writers: [Writer: Work] = [:]
    private var lastWriter: UInt64 = 0

    package init(length: Int64?, received: IntervalSet = IntervalSet(), state: State = .receiving) {
        self.length = length
        self.received = received
        self.state = state
    }

    package var offset: Int64 { received.frontier }
    package var isWhole: Bool { length.map { received.frontier == $0 } ?? false }
    package var isBusy: Bool { !writers.isEmpty }

    /// May the bytes of `range` be written? The state moves only by `committed`, once they are durable, so that an
    /// offset that was said is never taken back.
    package mutating func admit(_ range: Range<Int64>) -> Admission {
        switch state {
        case .ended(let reason): return .ended(reason)
        case .sealed where !received.contains(range): return .outside(length: received.end)
        case .sealed: return .compare
        case .receiving: break
        }
        if let length, range.upperBound > length { return .outside(length: length) }
        if received.contains(range) { return .compare }
        let older = writers.filter { $0.value.range.overlaps(range) && !$0.value.isCommitting }.map(\.key)
        for writer in older { writers[writer] = nil }
        for (writer, work) in writers where work.range.overlaps(range) { writers[writer]?.isSuperseded = true }
        lastWriter += 1
        let writer = Writer(number: lastWriter)
        writers[writer] = Work(range: range)
        return .write(writer, superseding: older.sorted { $0.number < $1.number })
    }

    /// May bytes be appended at `offset`, whose number nobody knows? One appends at a time: the newest.
    package mutating func append(at offset: Int64) -> Appending {
        switch state {
        case .ended(let reason): return .ended(reason)
        case .sealed: return .sealed
        case .receiving: break
        }
        if writers.values.contains(where: \.isCommitting) { return .busy }
        if let length, received.end > length { return .beyond(length: length) }
        guard offset == self.offset else { return .mismatch(offset: self.offset) }
        let older = writers.keys.sorted { $0.number < $1.number }
        writers = [:]
        lastWriter += 1
        let writer = Writer(number: lastWriter)
        writers[writer] = Work(range: offset..<(length ?? .max))
        return .write(writer, superseding: older)
    }

    /// Asked before every piece, where the pieces of one upload queue: false when a newer request or the end took over.
    package func mayWrite(_ writer: Writer) -> Bool { writers[writer] != nil }

    /// From here on the writer's bytes will count, unless the disk fails. The length does not change before `committed`.
    package mutating func beginCommit(_ writer: Writer) -> Bool {
        guard state == .receiving, writers[writer] != nil else { return false }
        writers[writer]?.isCommitting = true
        return true
    }

    /// `range` is durable. A writer that goes on after it (a stream) stays, and may be superseded again.
    package mutating func committed(_ range: Range<Int64>, by writer: Writer) {
        received.insert(range)
        writers[writer]?.isCommitting = false
        if writers[writer]?.isSuperseded == true { writers[writer] = nil }
    }

    package mutating func leave(_ writer: Writer) { writers[writer] = nil }

    /// The client has said the length only now. False when it said another before, has sent more already, or another
    /// than `writer` writes, whose bytes may be more.
    package mutating func setLength(_ length: Int64, by writer: Writer? = nil) -> Bool {
        if let known = self.length { return known == length }
        guard received.end <= length, Set(writers.keys) == Set([writer].compactMap(\.self)) else { return false }
        self.length = length
        return true
    }

    /// May it be sealed? `sealed()` follows once the journal says so.
    package func seal() -> Sealing {
        switch state {
        case .sealed: .sealed
        case .ended(let reason): .ended(reason)
        case .receiving: isWhole ? .seal : .incomplete
        }
    }

    package mutating func sealed() {
        if state == .receiving { state = .sealed }
    }

    /// Every writer still at work is named, to be told. A sealed or ended upload does not end again.
    package mutating func end(_ reason: Reason) -> [Writer]? {
        guard state == .receiving else { return nil }
        state = .ended(reason)
        defer { writers = [:] }
        return writers.keys.sorted { $0.number < $1.number }
    }
}
