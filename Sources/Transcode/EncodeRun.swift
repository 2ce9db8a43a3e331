import Core
import Platform

/// One run of the poll loop. Belongs to its thread; ends its children when it goes.
final class EncodeRun {
    private let plan: EncodePlan
    private let stop: EventSignal
    private let moved: EventSignal
    private let decoder: ChildProcess
    private var feed: SourceFeed
    private var decoded: SharedDescriptor?
    private var branches: [Branch]
    /// The piece of decoded sound that every encoder takes before the next is read: the slowest sets the pace.
    private var piece: [UInt8] = []
    private var filter = SampleFilter()
    private var bytesDecoded: Int64 = 0
    private var lastTold = 0.0

    private static let pieceLength = 1 << 20
    /// With no byte moving anywhere for this long, a program hangs.
    private static let patience = Duration.seconds(120)

    init(_ plan: EncodePlan, stop: EventSignal, moved: EventSignal) throws {
        self.plan = plan
        self.stop = stop
        self.moved = moved
        let input: SourceInput = plan.source.format.needsFile ? .file(plan.source.file.raw) : .pipe
        decoder = try ChildProcess.spawn(
            plan.ffmpeg.decode(plan.source.format, input: input, seconds: plan.processorSeconds))
        decoded = decoder.sharedOutput()
        branches = []
        do {
            feed = try SourceFeed(plan.source, to: decoder.sharedInput())
            for rendition in plan.renditions { branches.append(try Branch(rendition, plan)) }
        } catch {
            decoder.kill()
            for branch in branches { branch.process.kill() }
            throw error
        }
    }

    deinit {
        decoder.kill()
        for branch in branches { branch.process.kill() }
    }

    func untilDone() throws -> Encoding {
        var set = PollSet()
        while decoded != nil || branches.contains(where: { $0.output != nil }) {
            set.removeAll()
            set.add(stop.raw, .read)
            set.add(moved.raw, .read)
            feed.join(&set)
            if piece.isEmpty, let raw = decoded?.raw { set.add(raw, .read) }
            for branch in branches { branch.join(&set, piece: piece.count) }
            let ready = try set.wait(until: .after(Self.patience))
            // A client that sends slowly is no hang: the upload has a deadline of its own.
            if ready.isEmpty, plan.source.frontier.isSealed {
                // A file that hangs its decoder is to blame in the end; a machine that stood still once is not.
                throw TranscodeFailure(
                    .crashed, "The encode stood still for \(Int(Self.patience.components.seconds)) s.")
            }
            for one in ready { try handle(one) }
            try passOn()
        }
        return try judge()
    }

    private func handle(_ one: PollSet.Ready) throws {
        if one.descriptor == stop.raw { throw TranscodeFailure(.cancelled, "Cancelled.") }
        if one.descriptor == moved.raw {
            moved.lower()
        } else if feed.isDescriptor(one.descriptor) {
            try feed.advance()
        } else if one.descriptor == decoded?.raw {
            try readDecoded()
        } else {
            for branch in branches { try branch.advance(one.descriptor, piece) }
        }
    }

    private func readDecoded() throws {
        guard let decoded else { return }
        switch try decoded.give(upTo: Self.pieceLength) {
        case .wouldBlock: break
        case .end: self.decoded = nil
        case .bytes(let bytes):
            piece = filter.pass(bytes)
            bytesDecoded += Int64(bytes.count)
            guard samples <= plan.longest else {
                throw TranscodeFailure(
                    .tooLong, "It lasts more than \(plan.longest / Int64(plan.info.rate)) s, the limit.")
            }
            tellProgress()
        }
    }

    private var samples: Int64 { bytesDecoded / Int64(4 * plan.info.channels) }

    private func tellProgress() {
        guard let duration = plan.info.duration, duration > 0 else { return }
        let share = min(0.99, Double(samples) / Double(plan.info.rate) / duration)
        guard share - lastTold >= 0.02 else { return }
        lastTold = share
        plan.onProgress(share)
    }

    /// The piece is done with once all took it; after the last one the encoders' inputs end.
    private func passOn() throws {
        if !piece.isEmpty, branches.allSatisfy({ $0.hasTaken(piece.count) }) {
            piece = []
            for branch in branches { branch.taken = 0 }
        }
        if decoded == nil, piece.isEmpty {
            for branch in branches { branch.endInput() }
        }
    }

    // MARK: The verdict

    /// By what was decoded, never by an exit code alone: ffmpeg exits 0 on a FLAC that was cut off.
    private func judge() throws -> Encoding {
        let end = decoder.waitBlocking(deadline: .seconds(30))
        let moment = "It breaks at \(Self.clock(Double(samples) / Double(plan.info.rate)))."
        if let fault = end.fault(of: "The decoder", saying: decoder.errorText) { throw fault }
        guard samples > 0 else { throw TranscodeFailure(.corrupt, "The file holds no sound that can be decoded.") }
        if let promised = plan.info.samples, promised != samples { throw TranscodeFailure(.corrupt, moment) }
        if let duration = plan.info.duration, plan.source.format != .aac {
            let missing = duration - Double(samples) / Double(plan.info.rate)
            if missing > max(0.5, duration * 0.01) { throw TranscodeFailure(.corrupt, moment) }
        }
        guard end == .exited(0) else { throw TranscodeFailure(.corrupt, moment) }
        var renditions: [EncodedRendition] = []
        for branch in branches { renditions.append(try branch.finish()) }
        return Encoding(renditions: renditions, samples: samples, rate: plan.info.rate)
    }

    private static func clock(_ seconds: Double) -> String {
        let whole = Int(seconds)
        return "\(whole / 60):\(whole % 60 < 10 ? "0" : "")\(whole % 60)"
    }
}
