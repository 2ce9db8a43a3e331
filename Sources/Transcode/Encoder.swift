import Core
import Platform

/// Encodes one track: a jailed decoder, a jailed encoder a rendition, our own fan-out between them, and the packager
/// behind. It polls all pipes on a thread of its own; cancelling the task ends every child.
package struct Encoder: Sendable {
    private let ffmpeg: FFmpeg
    private let longest: Duration

    package init(_ ffmpeg: FFmpeg, longest: Duration) {
        self.ffmpeg = ffmpeg
        self.longest = longest
    }

    /// Writes into `folder`, which must be empty. `onProgress` is told the share that is decoded, where a length is known.
    package func encode(
        _ source: MediaSource, info: MediaInfo, renditions: [Rendition], into folder: String,
        onProgress: @escaping @Sendable (Double) -> Void = { _ in }
    ) async throws -> Encoding {
        if let duration = info.duration, duration > longest.inSeconds {
            throw TranscodeFailure(.tooLong, "It lasts \(Int(duration)) s; the limit is \(Int(longest.inSeconds)) s.")
        }
        let stop = try EventSignal()
        let moved = try EventSignal()
        let plan = EncodePlan(
            ffmpeg: ffmpeg, source: source, info: info, renditions: renditions, folder: folder,
            longest: Int64(longest.inSeconds * Double(info.rate)), onProgress: onProgress)
        return try await withThrowingTaskGroup(of: Encoding?.self) { group in
            // Tells the thread that the frontier has moved; a file that is whole needs no telling.
            group.addTask {
                while !source.frontier.isSealed {
                    try await source.frontier.wait(past: source.frontier.durable)
                    moved.raise()
                }
                return nil
            }
            group.addTask {
                try await onThread("encode", stop: stop) {
                    try EncodeRun(plan, stop: stop, moved: moved).untilDone()
                }
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let encoding = result { return encoding }
            }
            throw TranscodeFailure(.cancelled, "Cancelled.")
        }
    }
}

/// What one encode is to do.
struct EncodePlan: Sendable {
    let ffmpeg: FFmpeg
    let source: MediaSource
    let info: MediaInfo
    let renditions: [Rendition]
    let folder: String
    /// Samples, at the source's rate.
    let longest: Int64
    let onProgress: @Sendable (Double) -> Void

    /// Of one process: an encoder runs far faster than music plays.
    var processorSeconds: Int { 120 + Int(longest / Int64(max(1, info.rate))) }
}
