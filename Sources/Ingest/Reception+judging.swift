import Core
import Platform
import Synchronization

extension Reception {
    /// A file that is not what its name says is refused with its first piece, not after its last. Bytes under a digest
    /// wait for it: what the network spoiled says nothing of the file.
    func judgeEarly(_ course: Course, isChecked: Bool) async throws(IngestFailure) {
        guard !isChecked, course.tailStart == 0, !status.withLock({ $0.isSniffed }) else { return }
        let isWhole = status.withLock { $0.machine.length } == course.next
        guard course.next >= FormatPromise.enough || isWhole else { return }
        try await lane.run { [self] () throws(IngestFailure) in
            try refuseUnlessCurrent(course.writer)
            try judgeHead(upTo: course.next)
        }
    }

    /// On the lane.
    func judgeHead(upTo end: Int64) throws(IngestFailure) {
        let head: [UInt8]
        do {
            head = try bytesOnLane().read(upTo: Int(min(end, Int64(Sniff.length))), at: 0)
        } catch let failure as SpoolFailure {
            throw IngestFailure(failure)
        } catch let failure as IngestFailure {
            throw failure
        } catch {
            throw IngestFailure(.unreadable, "The upload cannot be read now.")
        }
        try promise.judge(head)
        status.withLock { $0.isSniffed = true }
    }

    /// What the disk said, told to the machine where it is final.
    func ended(by failure: SpoolFailure) -> IngestFailure {
        if failure.kind == .broken {
            status.withLock { status in
                guard status.machine.end(.broken) != nil else { return }
                status.followers.end()
            }
        }
        return IngestFailure(failure)
    }
}
