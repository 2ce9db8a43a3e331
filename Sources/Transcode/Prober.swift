import Core
import Platform

/// Asks a jailed ffprobe what a source is.
package struct Prober: Sendable {
    /// Of ffprobe's answer; tags and covers are the source's and may be huge.
    private static let answerLimit = 1 << 20
    /// Of the source, where it is piped: no header of ours needs more.
    private static let headLimit: Int64 = 64 << 20
    private let ffmpeg: FFmpeg

    package init(_ ffmpeg: FFmpeg) { self.ffmpeg = ffmpeg }

    package func probe(_ source: MediaSource) async throws -> MediaInfo {
        let output = try await run(source)
        // What ffprobe could not read is no JSON, or has no streams: one answer for both.
        guard let json = try? JSON.parse(output) else { throw TranscodeFailure.noAudio }
        return try MediaInfo(probe: json, format: source.format)
    }

    private func run(_ source: MediaSource) async throws -> [UInt8] {
        let stop = try EventSignal()
        return try await onThread("probe", stop: stop) {
            let input: SourceInput = source.format.needsFile ? .file(source.file.raw) : .pipe
            let child = try ChildProcess.spawn(ffmpeg.probe(source.format, input: input))
            defer { child.kill() }
            let output = try Self.exchange(child, source, stop: stop)
            let end = child.waitBlocking(deadline: .seconds(60))
            if let fault = end.fault(of: "ffprobe", saying: child.errorText) { throw fault }
            return output
        }
    }

    /// Feeds the source while it is wanted and collects the answer.
    private static func exchange(_ child: ChildProcess, _ source: MediaSource, stop: EventSignal) throws -> [UInt8] {
        var feed = try SourceFeed(source, limit: headLimit, to: child.sharedInput())
        guard let output = child.sharedOutput() else { return [] }
        var answer: [UInt8] = []
        let deadline = Deadline.after(.seconds(60))
        var set = PollSet()
        while true {
            set.removeAll()
            set.add(stop.raw, .read)
            set.add(output.raw, .read)
            feed.join(&set)
            let ready = try set.wait(until: deadline)
            if ready.isEmpty { throw TranscodeFailure(.crashed, "ffprobe did not answer in time.") }
            for one in ready {
                if one.descriptor == stop.raw { throw TranscodeFailure(.cancelled, "Cancelled.") }
                if one.descriptor == output.raw {
                    switch try output.give(upTo: 65_536) {
                    case .bytes(let bytes): answer += bytes
                    case .end: return answer
                    case .wouldBlock: break
                    }
                    if answer.count > answerLimit { throw TranscodeFailure(.corrupt, "The file's tags are too large.") }
                } else {
                    try feed.advance()
                }
            }
        }
    }
}
