import Platform

/// Turns one encoder's output into the files of a rendition, segment by segment; never more than two segments are held.
struct Packager {
    private let rendition: Rendition
    private let folder: String
    private var reader = FragmentReader()
    private var segmenter: Segmenter?
    private var track: InitSegment?
    private var decodeTime: UInt64 = 0
    private var segments: [EncodedSegment] = []

    init(_ rendition: Rendition, folder: String) throws {
        self.rendition = rendition
        self.folder = folder + "/" + rendition.name
        try Files.makeFolder(self.folder)
    }

    mutating func push(_ bytes: [UInt8]) throws {
        let frames = try reader.push(bytes)
        if segmenter == nil, let head = reader.head { begin(head) }
        for segment in segmenter?.push(frames) ?? [] { try write(segment) }
    }

    mutating func finish() throws -> EncodedRendition {
        guard reader.isAtEnd, var last = segmenter, let track else {
            throw TranscodeFailure(.trouble, "The encoder of \(rendition.name) ended early.")
        }
        for segment in last.finish() { try write(segment) }
        guard decodeTime > UInt64(track.priming) else {
            throw TranscodeFailure(.corrupt, "The file holds no sound.")
        }
        let shown = decodeTime - UInt64(track.priming)
        try store(track.bytes(shown: shown), "init.mp4")
        let encoded = EncodedRendition(
            name: rendition.name, codec: rendition.codecString, isLossless: rendition.isLossless, rate: rendition.rate,
            channels: rendition.channels, frames: Int64(shown), priming: Int64(track.priming), segments: segments)
        try store(Playlists.media(encoded), "index.m3u8")
        return encoded
    }

    private mutating func begin(_ head: StreamHead) {
        let frame = UInt32(rendition.frameLength)
        segmenter = Segmenter(grid: rendition.grid, extra: Int((head.priming + frame - 1) / frame))
        track = InitSegment(
            entry: head.entry, rate: head.timescale, frameDuration: frame, priming: head.priming,
            rollDistance: rendition.isLossless ? nil : -1)
    }

    private mutating func write(_ frames: [Frame]) throws {
        guard let track else { return }
        let index = segments.count
        guard index < 100_000 else { throw TranscodeFailure(.tooLong, "The audio is too long.") }
        let bytes = MediaSegment.bytes(frames, sequence: UInt32(index + 1), decodeTime: decodeTime, track: track)
        try store(bytes, EncodedSegment.name(index))
        let duration = frames.reduce(UInt64(0)) { $0 + UInt64($1.duration) }
        decodeTime += duration
        // What is heard of the first segment is less by the priming.
        segments.append(
            EncodedSegment(size: bytes.count, samples: Int64(duration) - (index == 0 ? Int64(track.priming) : 0)))
    }

    /// Not synced: the store makes the whole generation durable when it takes it.
    private func store(_ bytes: [UInt8], _ name: String) throws {
        let file = try FileDescriptor.creating(folder + "/" + name)
        try file.write(bytes, at: 0)
        try file.close()
    }
}
