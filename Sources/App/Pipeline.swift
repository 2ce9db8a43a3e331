import Core
import Events
import Ingest
import Ledger
import ScanBridge
import Storage
import StreamCoord
import Transcode
import Platform
import Worker

/// The path of a byte after its last one came, as the job `finish` walks it: scan, probe, encode, store, and one
/// transaction that makes it heard. Each step may be run again from the spool; nothing is told before it is true.
struct Pipeline: Sendable {
    static let kind = "finish"

    let ledger: any LedgerStore
    let uploads: UploadService
    let scanner: ScanService
    let prober: Prober
    let encoder: Encoder
    let ladder: Ladder
    let store: any BlobStore
    let events: EventWriter
    let delivery: Delivery
    let folders: DataFolder
    let node: NodeID
    let time: any TimeSource
    let metrics: Metrics
    let log: Log

    func finish(_ job: ClaimedJob, _ context: WorkerContext) async throws -> Settlement {
        guard let found = try await ledger.read("finish.find", { tx in try FinishWork(job, in: tx) }) else {
            log.info("job.skipped", [("job", job.id.text), ("reason", "its rows are gone")])
            return .done
        }
        let work = try await revived(found)
        guard work.isWanted else { return try await drop(work) }
        do { return try await run(work) } catch let failure
            where !(failure is LeaseLost || failure is CancellationError)
        {
            // Whatever failed: the upload may be cancelled, or its track deleted, bytes and all, since the job began.
            let now = try await ledger.read("finish.find", { tx in try FinishWork(job, in: tx) })
            if now?.isWanted ?? false { throw failure }
            return try await drop(now ?? work)
        }
    }

    /// The upload is not wanted any more: what is left of it goes, and the job is done.
    private func drop(_ work: FinishWork) async throws -> Settlement {
        let id = work.upload.id
        log.info("job.skipped", [("job", work.job.id.text), ("upload", id.text), ("reason", "its upload is over")])
        let isSuperseded = try await uploads.endSuperseded(work.upload)
        // What waits for an operator's decision stays as evidence.
        let isEvidence = work.track.state == .quarantined || work.held?.decision == .rescan
        if isSuperseded || !isEvidence { try folders.dropHeld(id) }
        try await uploads.release(id)
        return .done
    }

    private func run(_ start: FinishWork) async throws -> Settlement {
        var work = start
        let id = work.upload.id
        do {
            if work.held == nil {
                guard work.upload.size != 0 else { throw FileFault.empty }
                work.upload = try await uploads.gather(work.upload)
            }
            let file = try await bytes(of: work)
            guard file.size > 0 else { throw FileFault.empty }
            if let held = work.held, held.decision == .release {
                let row = try await ledger.read("finish.held") { tx in try tx.quarantine.find(held.row) }
                try await publish(work, file, scan: held.scan(of: row))
            } else {
                let verdict = try await scan(work, file)
                guard verdict.isClean else { return try await hold(work, file, verdict) }
                try await publish(work, file, scan: verdict.json)
            }
        } catch {
            try await end(work, by: error)
        }
        if work.held != nil { try folders.dropHeld(id) }
        try await uploads.release(id)
        return .settled
    }

    private func bytes(of work: FinishWork) async throws -> SealedFile {
        guard work.held != nil else { return try await uploads.sealed(work.upload.id) }
        return try folders.heldFile(work.upload.id)
    }

    /// The bytes of a held file that are to be deleted, under both of their names. It may run twice.
    func removeHeld(_ job: ClaimedJob) async throws -> Settlement {
        do {
            if let upload = job.uploadID {
                try folders.dropHeld(upload)
                try await uploads.release(upload)
            }
        } catch {
            throw Self.transient(error)
        }
        return .done
    }

    // MARK: Scan

    private func scan(_ work: FinishWork, _ file: SealedFile) async throws -> Verdict {
        try await setStage(work, .scanning, 0)
        let began = ContinuousClock.now
        let verdict = try await scanner.scan(descriptor: file.descriptor.raw, size: file.size)
        metrics.observe(
            "sluice_scan_seconds", (ContinuousClock.now - began).inSeconds, help: "Time of a scan.",
            labels: [("verdict", verdict.name)])
        return verdict
    }

    /// The bytes move aside, where nothing is served from, before anything says so.
    private func hold(_ work: FinishWork, _ file: SealedFile, _ verdict: Verdict) async throws -> Settlement {
        try folders.quarantine(file, work.upload.id)
        let (code, message) = Self.blame(verdict)
        let (job, track, events, again) = (work.job, work.track.id, events, work.held?.row)
        let upload = work.upload.id
        try await ledger.write("finish.hold") { tx in
            try Self.settle(job, tx)
            try Self.mustBeWanted(work, tx)
            try QuarantineHold.hold(
                track, upload: upload, reason: code, message: message, evidence: verdict.json, requestID: job.requestID,
                again: again, events: events, in: tx)
        }
        delivery.forget(track)
        try await uploads.release(upload)
        return .settled
    }

    static func blame(_ verdict: Verdict) -> (FailureCode, String) {
        switch verdict {
        case .infected(let names, _): (.infected, "\(names.joined(separator: ", ")) was found.")
        case .suspicious(let names, _): (.suspicious, "It is suspicious: \(names.joined(separator: ", ")).")
        case .unscannable(let reason, _): (.unscannable, "It could not be proven clean: \(reason).")
        case .clean: preconditionFailure("a clean file is not held")
        }
    }

    // MARK: Encode and publish

    private func publish(_ work: FinishWork, _ file: SealedFile, scan: JSON) async throws {
        try await setStage(work, .encoding, 0)
        let head = try file.descriptor.read(upTo: Sniff.length, at: 0)
        guard let format = Sniff.format(of: head) else {
            throw FileFault(
                .corruptMedia, "The bytes are \(Sniff.description(of: head)), no audio that is read here.")
        }
        let source = MediaSource(
            file: SharedDescriptor(try file.descriptor.duplicate()), format: format,
            frontier: WholeFile(size: file.size))
        let info = try await prober.probe(source)
        let generation = GenerationID.make()
        let staging = try folders.staging(generation)
        let row = GenerationRow(
            id: generation, trackID: work.track.id, profile: ladder.rawValue, node: node, createdAt: time.now,
            heartbeatAt: time.now)
        try await ledger.write("generation.begin") { tx in try tx.generations.insert(row) }
        do {
            let began = ContinuousClock.now
            let encoding = try await encoder.encode(
                source, info: info, renditions: ladder.renditions(for: info), into: staging
            ) { share in
                // Bounded by the encoder: at most fifty times. Lost progress is no loss.
                Task { try? await setStage(work, .encoding, share) }
            }
            metrics.set(
                "sluice_transcode_realtime_factor",
                encoding.duration / max(0.001, (ContinuousClock.now - began).inSeconds),
                help: "Seconds of music encoded in a second, of the last track.")
            try writeTop(encoding, generation, staging)
            try await setStage(work, .publishing, 1)
            let original = BlobKey.original(
                of: work.upload.id, track: work.track.id, owner: work.upload.owner, extension: format.rawValue)
            try await store.put(file: file.descriptor, at: original)
            try await store.adopt(folder: staging, as: .generation(generation, of: work.track.id))
            do {
                try await flip(work, generation, encoding, info, scan, original, format)
            } catch let gone as TrackGone {
                // Deleted meanwhile: no row will ever name these bytes.
                try await store.delete(original)
                throw gone
            }
        } catch {
            await discard(generation, of: work.track.id, staging)
            throw error
        }
        delivery.forget(work.track.id)
        // The job was enqueued in the transaction that sealed the last byte.
        if let row = try await ledger.read("finish.began", { tx in try tx.jobs.find(work.job.id)?.job }) {
            metrics.observe(
                "sluice_ready_seconds", (time.now - row.createdAt).inSeconds, help: "From the last byte to ready.")
        }
    }

    private func writeTop(_ encoding: Encoding, _ generation: GenerationID, _ staging: String) throws {
        for (name, renditions) in [("index.m3u8", encoding.lossy), ("lossless.m3u8", encoding.lossless)]
        where !renditions.isEmpty {
            let file = try FileDescriptor.creating(staging + "/" + name)
            try file.write(Playlists.top(renditions, generation: generation), at: 0)
        }
    }

    /// One transaction: the job is settled, the track points to the generation, the event is in the outbox.
    private func flip(
        _ work: FinishWork, _ generation: GenerationID, _ encoding: Encoding, _ info: MediaInfo, _ scan: JSON,
        _ original: BlobKey, _ format: AudioFormat
    ) async throws {
        let metadata = try Self.readable(Self.metadata(info, encoding))
        let renditions = try Self.readable(.array(encoding.renditions.map(\.json)))
        let (job, upload, events, scan, held) = (work.job, work.upload, events, try Self.readable(scan), work.held?.row)
        try await ledger.write("finish.publish") { tx in
            try Self.settle(job, tx)
            try Self.mustBeWanted(work, tx)
            if let held { _ = try tx.quarantine.setState(held, from: .held, to: .released) }
            try tx.tracks.setOriginal(
                upload.trackID, key: original.path, contentType: format.contentType, size: upload.size,
                sha256: upload.sha256)
            guard
                try tx.tracks.publish(
                    upload.trackID, generation: generation, metadata: metadata, scan: scan, renditions: renditions),
                let ready = try tx.tracks.find(upload.trackID)
            else { throw TrackGone() }
            try events.tell(.trackReady, of: ready, upload: upload, requestID: job.requestID, in: tx)
        }
    }

    /// What is written into a row is read again with our own parser, which refuses more than others do.
    private static func readable(_ json: JSON) throws(FileFault) -> String {
        let text = json.text
        do {
            _ = try JSON.parse(text)
        } catch {
            throw FileFault(.internal, "What was found out about the file cannot be stored: \(error).")
        }
        return text
    }

    private static func metadata(_ info: MediaInfo, _ encoding: Encoding) -> JSON {
        var members = info.json.members ?? []
        members.append(("durationMs", .integer(Int64((encoding.duration * 1000).rounded()))))
        members.append(("frames", .integer(encoding.samples)))
        members.append(("priming", .integer(encoding.lossy.first?.priming ?? 0)))
        members.append(("padding", .integer(0)))
        return .object(members)
    }

    // MARK: When it goes wrong

    func fail(_ work: FinishWork, _ code: FailureCode, _ message: String) async throws {
        let (job, track, events, held) = (work.job, work.track.id, events, work.held?.row)
        try await ledger.write("finish.fail") { tx in
            try Self.settle(job, tx)
            try Self.mustBeWanted(work, tx)
            if let held { _ = try tx.quarantine.setState(held, from: .held, to: .released) }
            guard try tx.tracks.fail(track, code: code, message: message),
                let failed = try tx.tracks.find(track)
            else { return }
            try events.tell(.trackFailed, of: failed, requestID: job.requestID, in: tx)
        }
    }

    /// What a failed encode leaves is never heard; what cannot be removed now is found by the sweep.
    private func discard(_ generation: GenerationID, of track: TrackID, _ staging: String) async {
        // Each step stands alone, and the sweep repeats them all.
        try? Files.removeTree(staging)
        _ = try? await store.deleteAll(prefix: BlobKey.generation(generation, of: track).path + "/")
        _ = try? await ledger.write("generation.drop") { tx in
            try tx.generations.setState(generation, from: [.building, .staged], to: .failed)
        }
    }

    private func setStage(_ work: FinishWork, _ stage: TrackStage, _ progress: Double) async throws {
        let (upload, track) = (work.upload.id, work.track.id)
        _ = try await ledger.write("finish.stage") { tx in
            // A published track's last stage stays what it is: late progress must not undo it.
            guard let row = try tx.tracks.find(track), row.uploadID == upload,
                row.state == .processing || row.progress < 1
            else { return false }
            return try tx.tracks.setStage(track, stage, progress: progress)
        }
    }

    private static func mustBeWanted(_ work: FinishWork, _ tx: Transaction) throws {
        guard try FinishWork(work.job, in: tx)?.isWanted ?? false else { throw TrackGone() }
    }

    /// Whoever lost the lease must change nothing: the whole transaction goes back.
    private static func settle(_ job: ClaimedJob, _ tx: Transaction) throws {
        guard try tx.jobs.settle(job.lease, .done) else { throw LeaseLost(job: job.id) }
    }
}

/// One finish job with the rows it began from.
struct FinishWork: Sendable {
    let job: ClaimedJob
    var upload: UploadRow
    let track: TrackRow
    /// Where the bytes were held back before.
    var held: HeldWork? { HeldWork(job) }

    /// Nil if a row is gone.
    init?(_ job: ClaimedJob, in tx: Transaction) throws {
        guard let upload = try job.uploadID.flatMap({ try tx.uploads.find($0) }),
            let track = try tx.tracks.find(upload.trackID)
        else { return nil }
        (self.job, self.upload, self.track) = (job, upload, track)
    }

    /// False once the upload ended, or its track was deleted or given to a newer upload. What an operator releases is
    /// wanted after its upload was deleted too.
    var isWanted: Bool {
        track.uploadID == upload.id && (track.state == .processing || track.state == .ready)
            && (held != nil || !upload.state.hasEnded)
    }
}

/// The upload ended, or its track was deleted or given to a newer upload, while the job worked on it.
struct TrackGone: Error {}
