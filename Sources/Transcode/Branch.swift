import Platform

/// One encoder of a run and what packs its output. Used on the run's thread alone.
final class Branch {
    let process: ChildProcess
    private let rendition: Rendition
    private var input: SharedDescriptor?
    private(set) var output: SharedDescriptor?
    private var packager: Packager
    /// Bytes of the current piece that the encoder took.
    var taken = 0

    init(_ rendition: Rendition, _ plan: EncodePlan) throws {
        self.rendition = rendition
        packager = try Packager(rendition, folder: plan.folder)
        process = try ChildProcess.spawn(
            plan.ffmpeg.encode(
                rendition, rate: plan.info.rate, channels: plan.info.channels, seconds: plan.processorSeconds))
        input = process.sharedInput()
        output = process.sharedOutput()
    }

    func join(_ set: inout PollSet, piece count: Int) {
        if let raw = input?.raw, taken < count { set.add(raw, .write) }
        if let output { set.add(output.raw, .read) }
    }

    func hasTaken(_ count: Int) -> Bool { taken >= count || input == nil }

    func endInput() { input = nil }

    func advance(_ raw: Int32, _ piece: [UInt8]) throws {
        if let input, raw == input.raw {
            switch try input.take(piece, from: taken) {
            case .bytes(let count): taken += count
            case .gone:
                throw failure(process.waitBlocking(deadline: .seconds(30)))
            }
        } else if let end = output, end.raw == raw {
            switch try end.give(upTo: 262_144) {
            case .bytes(let bytes): try packager.push(bytes)
            case .end: output = nil
            case .wouldBlock: break
            }
        }
    }

    func finish() throws -> EncodedRendition {
        let end = process.waitBlocking(deadline: .seconds(30))
        guard end == .exited(0) else { throw failure(end) }
        return try packager.finish()
    }

    /// An encoder that exits by its own decision rejects the sound: it gets samples alone, which are the same next time.
    private func failure(_ end: ProcessEnd) -> TranscodeFailure {
        let name = "The encoder of \(rendition.name)"
        return end.fault(of: name, saying: process.errorText)
            ?? TranscodeFailure(.unsupported, "\(name) rejects the sound: \(process.errorText.prefix(200))")
    }
}
