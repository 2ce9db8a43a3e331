import Core
import Events
import Ingest
import Ledger
import Transcode
import Worker

/// What our own code saw in the bytes, or made of them. The next attempt would see the same: it is final at once.
struct FileFault: Error {
    let code: FailureCode
    let message: String

    init(_ code: FailureCode, _ message: String) {
        self.code = code
        self.message = message
    }

    static let empty = FileFault(.corruptMedia, "The file is empty.")
}

/// How attempts of the job `finish` end that threw: with a code on the track, or with another attempt.
extension Pipeline {
    /// Returns if the track has failed. Throws if the job goes on, or is not this worker's any more.
    func end(_ work: FinishWork, by error: any Error) async throws {
        switch error {
        case let failure as IngestFailure where failure.kind == .digestMismatch:
            try await fail(work, .digestMismatch, failure.message)
        case let fault as FileFault:
            try await fail(work, fault.code, fault.message)
        case let failure as TranscodeFailure:
            let mark = "\(failure.kind.rawValue): "
            guard let code = failure.code, let times = failure.timesUntilFinal,
                try await attempts(of: work.job, marked: mark) + 1 >= times
            else { throw Passing(mark + failure.message) }
            try await fail(work, code, failure.message)
        default:
            throw Self.transient(error)
        }
    }

    /// How many earlier attempts ended with this mark.
    private func attempts(of job: ClaimedJob, marked mark: String) async throws -> Int {
        try await ledger.read("finish.attempts") { tx in
            try tx.jobs.find(job.id)?.attempts.count { $0.error.hasPrefix(mark) } ?? 0
        }
    }

    /// Everything else is a fault of ours or of the machine: the job tries again, as often as its attempts last.
    static func transient(_ error: any Error) -> any Error {
        switch error {
        case is Passing, is LedgerFailure, is LeaseLost, is CancellationError, is TrackGone: error
        default: Passing("\(error)")
        }
    }

    /// A dead job makes no track ready: the track fails, in the transaction that buries the job. The bytes stay, so that an
    /// operator can retry the job.
    func deadEnd(_ job: JobRow, _ tx: Transaction) throws {
        // The upload's row before its track's, as in every end: others lock them in this order.
        _ = try job.uploadID.map { try tx.uploads.find($0) }
        guard let id = job.trackID, try tx.tracks.find(id)?.uploadID == job.uploadID,
            try tx.tracks.fail(id, code: .internal, message: Self.blame(job)), let failed = try tx.tracks.find(id)
        else { return }
        try events.tell(.trackFailed, of: failed, requestID: job.requestID, in: tx)
    }

    static func blame(_ job: JobRow) -> String {
        "The server could not process the file. Ask an operator to retry job \(job.id), or upload the file again."
    }

    /// A track that failed through our fault is processed again once an operator retries its dead job.
    func revived(_ work: FinishWork) async throws -> FinishWork {
        guard work.hasFailedThroughUs else { return work }
        return try await ledger.write("finish.revive") { tx in
            guard let now = try FinishWork(work.job, in: tx), now.hasFailedThroughUs else { return work }
            _ = try tx.tracks.setUpload(now.track.id, now.upload.id)
            return try FinishWork(work.job, in: tx) ?? work
        }
    }
}

extension FinishWork {
    fileprivate var hasFailedThroughUs: Bool {
        track.uploadID == upload.id && track.state == .failed && track.errorCode == .internal
            && (held != nil || !upload.state.hasEnded)
    }
}

extension TranscodeFailure {
    /// Nil where the failure says nothing about the file.
    fileprivate var code: FailureCode? {
        switch kind {
        case .tooLong: .durationExceeded
        case .unsupported: .unsupportedFormat
        case .corrupt, .crashed: .corruptMedia
        case .trouble, .cancelled: nil
        }
    }
}
