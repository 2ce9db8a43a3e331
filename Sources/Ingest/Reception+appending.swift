import Core
import Platform
import Synchronization

/// How the body of one request is appended.
struct Stream: Sendable {
    let offset: Int64
    /// The most bytes the upload may come to.
    let limit: Int64
    /// Nil while nobody has said it.
    let length: Int64?
    /// Then its bytes count whole or not at all.
    var check: BodyCheck?
    /// With the body's end the upload is complete, and the journal says so.
    let isLast: Bool
    /// Not nil where the last byte completes it: the SHA-256 that was declared of the whole, if any.
    var sealing: [[UInt8]]?
    /// Told of every offset that became durable on the way.
    let progress: (@Sendable (Int64) async -> Void)?
}

extension Reception {
    /// Appends what comes; the offset afterwards. What was durable before the body broke off stays.
    func append(_ stream: Stream, from source: any ByteSource) async throws -> Int64 {
        let writer = try await takeOver(stream.offset, source)
        defer { leave(writer) }
        return try await append(stream, from: source, as: writer)
    }

    /// The same for who took over already, and leaves by itself.
    func append(_ stream: Stream, from source: any ByteSource, as writer: UploadMachine.Writer) async throws -> Int64 {
        let hash = status.withLock { $0.hash }
        var course = Course(
            writer: writer, next: stream.offset, uncommitted: stream.offset,
            tail: hash.end == stream.offset ? hash : nil, tailStart: stream.offset,
            // Where the client's word completes it, no byte before the body's end does.
            sealing: stream.isLast ? nil : stream.sealing)
        do {
            try await pull(stream, source, &course)
        } catch let failure as IngestFailure where failure.kind == .bodyEnded {
            // A newer request, or the end, may have ended the body: then that is the reason.
            try refuseUnlessCurrent(writer)
            // What came counts, so that the client need not send it again.
            if stream.check == nil, course.next > course.uncommitted {
                _ = try await commit(course, completesAlone: false)
            }
            throw failure
        }
        // A body that ended short completes nothing, whatever its head said.
        let completes = stream.isLast && course.next == stream.length ?? course.next
        if completes || course.next > course.uncommitted {
            course.sealing = stream.sealing
            course = try await commit(course, completesAlone: completes)
        }
        return course.next
    }

    private func pull(_ stream: Stream, _ source: any ByteSource, _ course: inout Course) async throws {
        var check = stream.check
        var committed = ContinuousClock.now
        while true {
            let piece = try await source.next(upTo: Self.pieceSize)
            if piece.isEmpty { break }
            guard Int64(piece.count) <= stream.limit - course.next else {
                throw IngestFailure(.tooLong, "More than \(stream.limit) bytes came.")
            }
            check?.update(piece)
            let before = course
            course = try await lane.run { [self] () throws(IngestFailure) in try put(piece, before) }
            guard check == nil else { continue }
            try await judgeAppended(course)
            // The last bytes wait for the body's end, which follows: then one sync does for both.
            guard Self.isStep(course, since: committed), course.next != stream.length else { continue }
            course = try await commit(course, completesAlone: false)
            committed = .now
            // A client that does not take the news keeps nobody else waiting.
            source.rest()
            await stream.progress?(course.next)
        }
        try check?.finish()
    }

    /// The head may have come in several requests: those before are durable, this one's bytes are written.
    private func judgeAppended(_ course: Course) async throws(IngestFailure) {
        guard course.next >= FormatPromise.enough, course.tailStart < FormatPromise.enough,
            !status.withLock({ $0.isSniffed })
        else { return }
        try await lane.run { [self] () throws(IngestFailure) in
            try refuseUnlessCurrent(course.writer)
            try judgeHead(upTo: course.next)
        }
    }

    /// The newest request appends, whoever hung before it.
    func takeOver(_ offset: Int64, _ source: any ByteSource) async throws(IngestFailure)
        -> UploadMachine.Writer
    {
        while true {
            await interrupt()
            let (appending, cancels) = status.withLock {
                status -> (UploadMachine.Appending, [@Sendable () -> Void]) in
                let appending = status.machine.append(at: offset)
                guard case .write(let writer, let older) = appending else { return (appending, []) }
                let cancels = older.compactMap { status.cancels.removeValue(forKey: $0) }
                status.cancels[writer] = { source.cancel() }
                return (appending, cancels)
            }
            for cancel in cancels { cancel() }
            switch appending {
            case .write(let writer, _): return writer
            case .busy: continue
            case .ended(let reason): throw IngestFailure(reason)
            case .beyond: throw IngestFailure(.tooLong)
            case .sealed: throw IngestFailure(.completed, "The upload is complete, and takes no more bytes.")
            case .mismatch(let expected):
                throw IngestFailure(
                    .offsetMismatch(expected: expected, given: offset),
                    "The upload's offset is \(expected), the request says \(offset).")
            }
        }
    }

    /// Ends the bodies of all who write, and returns when what came of them is durable or forgotten: an offset that is
    /// read now is the one the next request will find.
    func interrupt() async {
        let cancels = status.withLock { $0.machine.isBusy ? Array($0.cancels.values) : nil }
        guard let cancels else { return }
        for cancel in cancels { cancel() }
        await withCheckedContinuation { continuation in
            let isOver = status.withLock { status in
                guard status.machine.isBusy else { return true }
                status.leaving.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    /// The client has said the length now. False where it said another, more bytes are here, or another writes them.
    func setLength(_ length: Int64, by writer: UploadMachine.Writer? = nil) -> Bool {
        status.withLock { $0.machine.setLength(length, by: writer) }
    }

    /// Nil while nobody has said it.
    var length: Int64? { status.withLock { $0.machine.length } }
}
