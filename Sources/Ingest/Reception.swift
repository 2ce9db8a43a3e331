package import Core
package import Platform
import Synchronization

/// One upload while bytes may come for it: drives its `UploadMachine`, and owns its spooled bytes, its hash and its
/// lane. All file work of an upload runs on that lane, so that no two pieces of it overlap. Safe from any task.
package final class Reception: Sendable {
    struct Status {
        var machine: UploadMachine
        /// Nil until the first lane work has looked at the disk, or made the files.
        var bytes: (any SpooledBytes)?
        var isOpen = false
        var hash = RunningHash()
        var sha256: [UInt8]?
        var isSniffed = false
        /// A request of a protocol that ends with its last byte has written here.
        var completesAlone = false
        var cancels: [UploadMachine.Writer: @Sendable () -> Void] = [:]
        var waiting: [Commit] = []
        var outcomes: [UploadMachine.Writer: Result<Void, IngestFailure>] = [:]
        var followers = Followers()
        /// Who waits for the writers to be gone.
        var leaving: [CheckedContinuation<Void, Never>] = []
    }

    package let upload: UploadID
    let lane: Lane
    let promise: FormatPromise
    private let spool: any Spool
    let status: Mutex<Status>

    package init(upload: UploadID, length: Int64?, promise: FormatPromise, spool: any Spool, lane: Lane) {
        self.upload = upload
        self.lane = lane
        self.promise = promise
        self.spool = spool
        status = Mutex(Status(machine: UploadMachine(length: length)))
    }

    /// Looks at what the journal says, once. Everything below expects that it was awaited.
    package func open() async throws(IngestFailure) {
        if status.withLock({ $0.isOpen }) { return }
        try await lane.run { [self] () throws(IngestFailure) in _ = try openOnLane(creating: false) }
    }

    package var received: IntervalSet { status.withLock { $0.machine.received } }
    package var state: UploadMachine.State { status.withLock { $0.machine.state } }
    package var sha256: [UInt8]? { status.withLock { $0.sha256 } }
    /// A journal was there, or a byte has come since.
    var hasFiles: Bool { status.withLock { $0.bytes != nil } }
    package var completesAlone: Bool { status.withLock { $0.completesAlone } }

    func openOnLane(creating: Bool) throws(IngestFailure) -> (any SpooledBytes)? {
        if let bytes = status.withLock({ $0.isOpen ? $0.bytes : nil }) { return bytes }
        let bytes: (any SpooledBytes)?
        do { bytes = try spool.open(upload, creating: creating) } catch { throw IngestFailure(error) }
        try status.withLock { (status) throws(IngestFailure) in
            status.bytes = bytes
            guard !status.isOpen else { return }
            status.isOpen = true
            if let journal = bytes?.journal { status.adopt(journal) }
        }
        return bytes
    }

    /// The files, made where there are none yet: an upload costs the disk nothing before its first byte.
    func bytesOnLane() throws(IngestFailure) -> any SpooledBytes {
        guard let bytes = try openOnLane(creating: true) else {
            throw IngestFailure(.internal, "the upload has no files")
        }
        return bytes
    }

    /// Ends it for whoever writes or follows it. The journal keeps the reason as far as the disk still lets it.
    package func end(_ reason: UploadMachine.Reason) async {
        let cancels = status.withLock { status -> [@Sendable () -> Void] in
            guard status.machine.end(reason) != nil else { return [] }
            defer { status.cancels = [:] }
            status.followers.end()
            return Array(status.cancels.values)
        }
        for cancel in cancels { cancel() }
        await lane.run { [self] in
            let bytes = status.withLock { $0.bytes }
            // The ledger is told too, and has the last word: a disk that takes no record any more must not stop the end.
            try? bytes?.record([JournalRecord(.ended(reason), 0..<received.end)])
        }
    }
}

extension Reception.Status {
    /// The journal says that all of it counts.
    mutating func seal(_ sha256: [UInt8]) {
        machine.sealed()
        self.sha256 = sha256
        followers.end()
    }

    mutating func adopt(_ journal: Journal) {
        let state: UploadMachine.State
        if case .ended = machine.state {
            // It was ended before anybody looked at the journal.
            state = machine.state
        } else if let reason = journal.ended {
            state = .ended(reason)
        } else {
            state = journal.sealed == nil ? .receiving : .sealed
        }
        machine = UploadMachine(
            length: machine.length ?? journal.sealed?.length, received: journal.received, state: state)
        completesAlone = journal.completesAlone
        sha256 = journal.sealed?.sha256
        if let (end, midstate) = journal.hashed, end <= journal.received.frontier,
            let hash = RunningHash(end: end, midstate: midstate)
        {
            self.hash = hash
        }
        isSniffed = journal.received.frontier > 0 && journal.received.frontier >= FormatPromise.enough
    }
}

extension Reception: ByteFrontier {
    package var durable: Int64 { status.withLock { $0.machine.offset } }
    package var isSealed: Bool { status.withLock { $0.machine.state != .receiving } }

    package func wait(past count: Int64) async throws {
        let ticket = status.withLock { $0.followers.ticket() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = status.withLock { status in
                    if status.machine.offset > count || status.machine.state != .receiving { return true }
                    return !status.followers.add(ticket, past: count, continuation)
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            status.withLock { $0.followers.cancel(ticket) }
        }
        status.withLock { $0.followers.forget(ticket) }
        try Task.checkCancellation()
    }
}
