import Core
import Platform
import Synchronization

/// How the bytes of one request count.
package enum Counting: Sendable {
    /// Whole or not at all, once every check of it passed.
    case whole(ContentDigest?)
    /// As they come, piece by durable piece.
    case asTheyCome
}

package enum Receipt: Equatable, Sendable {
    case written
    /// The same bytes were there.
    case repeated
}

/// What one writer carries from piece to piece.
struct Course: Sendable {
    let writer: UploadMachine.Writer
    /// Where the next piece goes.
    var next: Int64
    /// From where its pieces have not been committed.
    var uncommitted: Int64
    /// SHA-256 up to `next`, where the writer began at the hash's end: then its bytes need no second reading.
    var tail: RunningHash?
    let tailStart: Int64
    /// Not nil where the commit that makes the upload whole seals it too: the SHA-256 that was declared of it, if any.
    var sealing: [[UInt8]]?
}

extension Reception {
    static let pieceSize = 1 << 20
    /// A stream's bytes are made durable in steps of this size, or what came of it in this time: syncing more often would
    /// slow a fast stream, less often would leave a slow one with much to send again.
    static let streamStep: Int64 = 64 << 20
    static let streamPause: Duration = .milliseconds(250)
    static let leastStep: Int64 = 256 << 10

    static func isStep(_ course: Course, since committed: ContinuousClock.Instant) -> Bool {
        let step = course.next - course.uncommitted
        return step >= streamStep || step >= leastStep && committed.duration(to: .now) >= streamPause
    }

    /// Takes `range` from `body`. Afterwards the bytes are durable, or nothing of a whole one counts.
    package func receive(
        _ range: Range<Int64>, from source: any ByteSource, counting: Counting, completesAlone: Bool = false,
        sealing: [[UInt8]]? = nil
    )
        async throws -> Receipt
    {
        let admission = status.withLock { status -> (UploadMachine.Admission, [@Sendable () -> Void]) in
            let admission = status.machine.admit(range)
            guard case .write(let writer, let older) = admission else { return (admission, []) }
            let cancels = older.compactMap { status.cancels.removeValue(forKey: $0) }
            status.cancels[writer] = { source.cancel() }
            return (admission, cancels)
        }
        for cancel in admission.1 { cancel() }
        switch admission.0 {
        case .ended(let reason): throw IngestFailure(reason)
        case .outside(let length):
            throw IngestFailure(.invalid, "Bytes up to \(range.upperBound) were sent, the upload has \(length).")
        case .compare:
            try await compare(range, with: source)
            return .repeated
        case .write(let writer, _):
            defer { leave(writer) }
            let hash = status.withLock { $0.hash }
            let course = Course(
                writer: writer, next: range.lowerBound, uncommitted: range.lowerBound,
                tail: hash.end == range.lowerBound ? hash : nil, tailStart: range.lowerBound, sealing: sealing)
            try await write(range, from: source, course, counting: counting, completesAlone: completesAlone)
            return .written
        }
    }

    func leave(_ writer: UploadMachine.Writer) {
        let leaving = status.withLock { status -> [CheckedContinuation<Void, Never>] in
            status.machine.leave(writer)
            status.cancels[writer] = nil
            status.outcomes[writer] = nil
            guard !status.machine.isBusy else { return [] }
            defer { status.leaving = [] }
            return status.leaving
        }
        for continuation in leaving { continuation.resume() }
    }

    /// Bytes of unknown number, up to `limit`, from the first on; they count whole or not at all, and are sealed with that.
    /// How many there were.
    package func receive(upTo limit: Int64, from source: any ByteSource) async throws -> Int64 {
        let admission = status.withLock { status -> UploadMachine.Admission in
            let admission = status.machine.admit(0..<limit + 1)
            if case .write(let writer, _) = admission { status.cancels[writer] = { source.cancel() } }
            return admission
        }
        guard case .write(let writer, _) = admission else {
            throw IngestFailure(.internal, "The upload has bytes already.")
        }
        defer { leave(writer) }
        var course = Course(writer: writer, next: 0, uncommitted: 0, tail: RunningHash(), tailStart: 0, sealing: [])
        while true {
            let piece = try await source.next(upTo: Self.pieceSize)
            if piece.isEmpty { break }
            guard Int64(piece.count) <= limit - course.next else {
                throw IngestFailure(.tooLarge, "The file is larger than \(limit) bytes.")
            }
            course = try await lane.run { [self, course] () throws(IngestFailure) in try put(piece, course) }
            try await judgeEarly(course, isChecked: false)
        }
        guard course.next > 0 else { throw IngestFailure(field: "size", value: "0", expected: "at least one byte") }
        let length = course.next
        guard status.withLock({ $0.machine.setLength(length, by: writer) }) else {
            throw IngestFailure(.internal, "The length changed.")
        }
        _ = try await commit(course, completesAlone: false)
        return length
    }

    private func write(
        _ range: Range<Int64>, from source: any ByteSource, _ start: Course, counting: Counting, completesAlone: Bool
    ) async throws {
        var course = start
        var committed = ContinuousClock.now
        var check: DigestCheck?
        if case .whole(let digest?) = counting { check = DigestCheck(digest) }
        do {
            while true {
                let piece = try await source.next(upTo: Self.pieceSize)
                if piece.isEmpty { break }
                guard Int64(piece.count) <= range.upperBound - course.next else {
                    throw IngestFailure(.invalid, "The body is longer than the \(range.count) bytes it was to have.")
                }
                check?.update(piece)
                course = try await lane.run { [self, course] () throws(IngestFailure) in try put(piece, course) }
                try await judgeEarly(course, isChecked: check != nil)
                if case .asTheyCome = counting, Self.isStep(course, since: committed), course.next < range.upperBound {
                    course = try await commit(course, completesAlone: completesAlone)
                    committed = .now
                }
            }
        } catch let failure as IngestFailure where failure.kind == .bodyEnded {
            // A newer request, or the end, may have ended the body: then that is the reason.
            try refuseUnlessCurrent(course.writer)
            // What came of a stream counts, so that the client need not send it again.
            if case .asTheyCome = counting, course.next > course.uncommitted {
                _ = try await commit(course, completesAlone: completesAlone)
            }
            throw failure
        }
        guard course.next == range.upperBound else {
            throw IngestFailure(
                .invalid, "The body has \(course.next - range.lowerBound) bytes, expected are \(range.count).")
        }
        try check?.finish()
        _ = try await commit(course, completesAlone: completesAlone)
    }

    /// On the lane: what is durable already must be the same, the rest is written.
    func put(_ piece: [UInt8], _ course: Course) throws(IngestFailure) -> Course {
        try refuseUnlessCurrent(course.writer)
        let bytes = try bytesOnLane()
        var rest = course.next..<course.next + Int64(piece.count)
        let received = received
        while !rest.isEmpty {
            let (isPresent, run) = received.run(from: rest)
            let part =
                run == course.next..<course.next + Int64(piece.count)
                ? piece : Array(piece[Int(run.lowerBound - course.next)..<Int(run.upperBound - course.next)])
            if isPresent {
                try Self.mustEqual(part, at: run.lowerBound, in: bytes)
            } else {
                do { try bytes.write(part, at: run.lowerBound) } catch { throw ended(by: error) }
            }
            rest = run.upperBound..<rest.upperBound
        }
        var course = course
        course.next += Int64(piece.count)
        course.tail?.update(piece)
        return course
    }

    /// The machine may have let a newer request, or the end, take over since.
    func refuseUnlessCurrent(_ writer: UploadMachine.Writer) throws(IngestFailure) {
        let (isCurrent, state) = status.withLock { ($0.machine.mayWrite(writer), $0.machine.state) }
        if isCurrent { return }
        if case .ended(let reason) = state { throw IngestFailure(reason) }
        throw IngestFailure(.conflict, "A newer request brings the same bytes.")
    }

    private func compare(_ range: Range<Int64>, with source: any ByteSource) async throws {
        var next = range.lowerBound
        while true {
            let piece = try await source.next(upTo: Self.pieceSize)
            if piece.isEmpty { break }
            guard Int64(piece.count) <= range.upperBound - next else {
                throw IngestFailure(.invalid, "The body is longer than the \(range.count) bytes it was to have.")
            }
            let at = next
            try await lane.run { [self] () throws(IngestFailure) in
                // Not made anew where the upload was removed meanwhile.
                guard let bytes = try openOnLane(creating: false) else {
                    throw IngestFailure(.cancelled, "The upload is over.")
                }
                try Self.mustEqual(piece, at: at, in: bytes)
            }
            next += Int64(piece.count)
        }
        guard next == range.upperBound else {
            throw IngestFailure(.invalid, "The body has \(next - range.lowerBound) bytes, expected are \(range.count).")
        }
    }

    private static func mustEqual(_ piece: [UInt8], at offset: Int64, in bytes: any SpooledBytes) throws(IngestFailure)
    {
        let stored: [UInt8]
        do { stored = try bytes.read(upTo: piece.count, at: offset) } catch { throw IngestFailure(error) }
        guard stored == piece else {
            throw IngestFailure(.conflict, "Other bytes are there already, from byte \(offset) on.")
        }
    }
}
