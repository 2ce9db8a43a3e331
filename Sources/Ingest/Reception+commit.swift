import Core
import Crypto
import Platform
import Synchronization

/// Bytes of one writer that are written and are to count.
struct Commit: Sendable {
    let course: Course
    let completesAlone: Bool
    var range: Range<Int64> { course.uncommitted..<course.next }
}

extension Reception {
    /// A late range that is longer than this is hashed in further turns of the lane, so that others get theirs.
    static let hashedPerTurn: Int64 = 16 << 20

    /// Durable when it returns. Commits that queued while another was on the disk go together: one sync for all.
    func commit(_ course: Course, completesAlone: Bool) async throws(IngestFailure) -> Course {
        status.withLock { $0.waiting.append(Commit(course: course, completesAlone: completesAlone)) }
        try await lane.run { [self] () throws(IngestFailure) in
            flush()
            let outcome = status.withLock { $0.outcomes.removeValue(forKey: course.writer) }
            guard let outcome else { throw IngestFailure(.internal, "The bytes were not committed.") }
            try outcome.get()
        }
        var course = course
        course.uncommitted = course.next
        return course
    }

    /// On the lane: everything that waits, at once. Where it was done by another's turn, nothing waits.
    private func flush() {
        let commits = status.withLock { status -> [Commit] in
            defer { status.waiting = [] }
            return status.waiting.filter { commit in
                if let length = status.machine.length, commit.range.upperBound > length {
                    status.outcomes[commit.course.writer] = .failure(IngestFailure(.tooLong))
                    return false
                }
                if status.machine.beginCommit(commit.course.writer) { return true }
                if case .ended(let reason) = status.machine.state {
                    status.outcomes[commit.course.writer] = .failure(IngestFailure(reason))
                } else {
                    status.outcomes[commit.course.writer] = .failure(
                        IngestFailure(.conflict, "A newer request brings the same bytes."))
                }
                return false
            }
        }
        guard !commits.isEmpty else { return }
        do throws(IngestFailure) {
            let (hash, sha256) = try settle(commits)
            status.withLock { status in
                status.hash = hash
                for commit in commits {
                    status.machine.committed(commit.range, by: commit.course.writer)
                    status.completesAlone = status.completesAlone || commit.completesAlone
                    status.outcomes[commit.course.writer] = .success(())
                }
                status.followers.moved(to: status.machine.offset)
                if let sha256 { status.seal(sha256) }
            }
        } catch {
            status.withLock { status in
                for commit in commits { status.outcomes[commit.course.writer] = .failure(error) }
            }
        }
    }

    /// Looks at the head once enough of it is there, brings the hash up to the frontier, and puts all on record; with the
    /// seal, where the last byte comes by a request that completes the upload: then that costs no sync of its own.
    private func settle(_ commits: [Commit]) throws(IngestFailure) -> (RunningHash, sha256: [UInt8]?) {
        let bytes = try bytesOnLane()
        var (received, hash) = status.withLock { ($0.machine.received, $0.hash) }
        for commit in commits { received.insert(commit.range) }
        let (isSniffed, length) = status.withLock { ($0.isSniffed, $0.machine.length) }
        if !isSniffed, received.frontier > 0, received.frontier >= FormatPromise.enough || received.frontier == length {
            try judgeHead(upTo: received.frontier)
        }
        hash = Self.adopted(hash, commits)
        hash = try advance(hash, to: min(received.frontier, hash.end + Self.hashedPerTurn), in: bytes)
        var records = commits.map { JournalRecord(.extent(completesAlone: $0.completesAlone), $0.range) }
        records.append(JournalRecord(.frontier(midstate: hash.midstate), 0..<hash.end))
        var sha256: [UInt8]?
        if let length, received.frontier == length, hash.end == length,
            let declared = commits.lazy.compactMap(\.course.sealing).first
        {
            let digest = hash.digest
            // Other bytes than were declared stay unsealed, for `seal` to say so.
            if declared.allSatisfy({ $0 == digest }) { sha256 = digest }
        }
        if let sha256 { records.append(JournalRecord(.sealed(sha256: sha256), 0..<hash.end)) }
        do { try bytes.record(records) } catch { throw ended(by: error) }
        return (hash, sha256)
    }

    /// A writer that went on from where the hash stood has hashed its bytes in flight.
    private static func adopted(_ hash: RunningHash, _ commits: [Commit]) -> RunningHash {
        var hash = hash
        var candidates = commits.map(\.course)
        while let index = candidates.firstIndex(where: {
            $0.tail != nil && $0.tailStart <= hash.end && $0.next > hash.end
        }) {
            if let tail = candidates.remove(at: index).tail { hash = tail }
        }
        return hash
    }

    private func advance(_ hash: RunningHash, to end: Int64, in bytes: any SpooledBytes) throws(IngestFailure)
        -> RunningHash
    {
        var hash = hash
        while hash.end < end {
            let piece: [UInt8]
            do { piece = try bytes.read(upTo: Int(min(Int64(Self.pieceSize), end - hash.end)), at: hash.end) } catch {
                throw IngestFailure(error)
            }
            guard !piece.isEmpty else { throw IngestFailure(.internal, "The upload's bytes end early.") }
            hash.update(piece)
        }
        return hash
    }

    /// The SHA-256 of all, on record with the seal: from here on the upload is whole, whatever happens. `declared` must
    /// equal it, or the upload ends.
    package func seal(declared: [[UInt8]]) async throws(IngestFailure) -> [UInt8] {
        // Most are sealed with their last byte, and need no turn of the lane for this.
        if let known = status.withLock({ $0.machine.state == .sealed ? $0.sha256 : nil }) {
            try Self.mustEqualSealed(known, declared)
            return known
        }
        while true {
            let isDone = try await lane.run { [self] () throws(IngestFailure) in try sealStep(declared: declared) }
            if let sha256 = isDone { return sha256 }
        }
    }

    private func sealStep(declared: [[UInt8]]) throws(IngestFailure) -> [UInt8]? {
        let bytes = try bytesOnLane()
        let (sealing, hash, length, known) = status.withLock {
            ($0.machine.seal(), $0.hash, $0.machine.offset, $0.sha256)
        }
        switch sealing {
        case .incomplete: throw IngestFailure(.incomplete(missing: []), "Bytes are missing.")
        case .ended(let reason): throw IngestFailure(reason)
        case .sealed:
            guard let known else { throw IngestFailure(.internal, "The upload has no SHA-256.") }
            try Self.mustEqualSealed(known, declared)
            return known
        case .seal: break
        }
        // An empty file is judged as what it is once all are asked; here it says nothing of a format.
        if length > 0, !status.withLock({ $0.isSniffed }) { try judgeHead(upTo: length) }
        let further = try advance(hash, to: min(length, hash.end + Self.hashedPerTurn), in: bytes)
        status.withLock { $0.hash = further }
        guard further.end == length else { return nil }
        let sha256 = further.digest
        try Self.mustEqual(sha256, declared)
        do { try bytes.record([JournalRecord(.sealed(sha256: sha256), 0..<length)]) } catch { throw ended(by: error) }
        status.withLock { $0.seal(sha256) }
        return sha256
    }

    /// A request that declares another SHA-256 of what is sealed fails alone.
    private static func mustEqualSealed(_ sha256: [UInt8], _ declared: [[UInt8]]) throws(IngestFailure) {
        do { try mustEqual(sha256, declared) } catch {
            var failure = error
            failure.isOfComplete = true
            throw failure
        }
    }

    static func mustEqual(_ sha256: [UInt8], _ declared: [[UInt8]]) throws(IngestFailure) {
        guard let other = declared.first(where: { $0 != sha256 }) else { return }
        throw IngestFailure(.digestMismatch, "The SHA-256 is \(Hex.encode(sha256)), declared was \(Hex.encode(other)).")
    }
}
