/// One encoded frame.
struct Frame: Sendable, Equatable {
    let duration: UInt32
    let bytes: [UInt8]
}

/// What the encoder said of itself before its first frame.
struct StreamHead: Sendable, Equatable {
    /// The sample description, `mp4a` or `fLaC`, as it stands in `stsd`.
    let entry: [UInt8]
    let timescale: UInt32
    /// Samples before the music begins, from the edit list.
    let priming: UInt32
    let defaultDuration: UInt32
}

/// Reads what our encoders write: `moov`, then one `moof` and `mdat` a frame. Incremental; it holds one box at most.
struct FragmentReader {
    /// A frame of eight channels of FLAC is a sixth of it.
    private static let largestBox: UInt64 = 1 << 20
    private static let longestFrame: UInt64 = 1 << 16
    private var buffer: [UInt8] = []
    private var read = 0
    private(set) var head: StreamHead?
    private var expected: [(duration: UInt32, size: Int)] = []

    /// The frames that are whole with these bytes.
    mutating func push(_ bytes: [UInt8]) throws(TranscodeFailure) -> [Frame] {
        buffer += bytes
        var frames: [Frame] = []
        while let size = buffer[read...].integer(4, at: 0), buffer.count - read >= 8 {
            guard size >= 8, size <= Self.largestBox else { throw Self.odd }
            guard buffer.count - read >= Int(size) else { break }
            let type = String(decoding: buffer[read + 4..<read + 8], as: UTF8.self)
            try take(type, buffer[read + 8..<read + Int(size)], into: &frames)
            read += Int(size)
        }
        buffer.removeFirst(read)
        read = 0
        return frames
    }

    /// True when nothing is left half read.
    var isAtEnd: Bool { buffer.isEmpty && expected.isEmpty }

    private static let odd = TranscodeFailure(.trouble, "The encoder's output does not parse.")

    private mutating func take(_ type: String, _ body: ArraySlice<UInt8>, into frames: inout [Frame])
        throws(TranscodeFailure)
    {
        switch type {
        case "moov": head = try Self.head(body)
        case "moof": expected = try samples(body)
        case "mdat":
            guard expected.reduce(0, { $0 + $1.size }) == body.count else { throw Self.odd }
            var at = body.startIndex
            for sample in expected {
                frames.append(Frame(duration: sample.duration, bytes: Array(body[at..<at + sample.size])))
                at += sample.size
            }
            expected = []
        default: break
        }
    }

    private static func head(_ moov: ArraySlice<UInt8>) throws(TranscodeFailure) -> StreamHead {
        guard let mdhd = Box.first(["trak", "mdia", "mdhd"], in: moov)?.body, let version = mdhd.first,
            let timescale = mdhd.integer(4, at: version == 1 ? 20 : 12),
            let stsd = Box.first(["trak", "mdia", "minf", "stbl", "stsd"], in: moov)?.body, stsd.count > 16,
            let trex = Box.first(["mvex", "trex"], in: moov)?.body, let duration = trex.integer(4, at: 12)
        else { throw odd }
        var priming: UInt64 = 0
        if let elst = Box.first(["trak", "edts", "elst"], in: moov)?.body, let count = elst.integer(4, at: 4), count > 0
        {
            let entry = 8 + (Int(count) - 1) * (elst.first == 1 ? 20 : 12)
            let time = elst.first == 1 ? elst.integer(8, at: entry + 8) : elst.integer(4, at: entry + 4)
            guard let time, time < 1 << 31 else { throw odd }
            priming = time
        }
        return StreamHead(
            entry: Array(stsd.dropFirst(8)), timescale: UInt32(timescale), priming: UInt32(priming),
            defaultDuration: UInt32(duration))
    }

    /// `tfhd` and `trun` as ISO/IEC 14496-12 §8.8.7-8 lays their optional fields out.
    private func samples(_ moof: ArraySlice<UInt8>) throws(TranscodeFailure) -> [(duration: UInt32, size: Int)] {
        guard let tfhd = Box.first(["traf", "tfhd"], in: moof)?.body, let flags = tfhd.integer(4, at: 0),
            let trun = Box.first(["traf", "trun"], in: moof)?.body, let runFlags = trun.integer(4, at: 0),
            let count = trun.integer(4, at: 4), count <= 1024
        else { throw Self.odd }
        var at = 8 + (flags & 1 != 0 ? 8 : 0) + (flags & 2 != 0 ? 4 : 0)
        var (duration, size) = (UInt64(head?.defaultDuration ?? 0), UInt64(0))
        if flags & 8 != 0 {
            duration = tfhd.integer(4, at: at) ?? duration
            at += 4
        }
        if flags & 16 != 0 { size = tfhd.integer(4, at: at) ?? size }
        at = 8 + (runFlags & 1 != 0 ? 4 : 0) + (runFlags & 4 != 0 ? 4 : 0)
        var samples: [(duration: UInt32, size: Int)] = []
        for _ in 0..<count {
            var (sampleDuration, sampleSize): (UInt64?, UInt64?) = (duration, size)
            if runFlags & 0x100 != 0 {
                sampleDuration = trun.integer(4, at: at)
                at += 4
            }
            if runFlags & 0x200 != 0 {
                sampleSize = trun.integer(4, at: at)
                at += 4
            }
            at += (runFlags & 0x400 != 0 ? 4 : 0) + (runFlags & 0x800 != 0 ? 4 : 0)
            guard let sampleDuration, sampleDuration <= Self.longestFrame, let sampleSize,
                sampleSize <= Self.largestBox
            else { throw Self.odd }
            samples.append((UInt32(sampleDuration), Int(sampleSize)))
        }
        return samples
    }
}
