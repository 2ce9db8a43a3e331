/// One `moof` and its `mdat` (ISO/IEC 23000-19 §7.3.2.3): a CMAF segment that is a single chunk.
enum MediaSegment {
    static func bytes(_ frames: [Frame], sequence: UInt32, decodeTime: UInt64, track: InitSegment) -> [UInt8] {
        let size = frames.reduce(0) { $0 + $1.bytes.count }
        // Only the last frame of all may be shorter; then this run names every duration.
        let isUneven = frames.contains { $0.duration != track.frameDuration }
        var moof = BoxWriter()
        write(frames, sequence, decodeTime, track, isUneven, dataOffset: 0, to: &moof)
        let offset = UInt32(moof.bytes.count + 8)
        moof = BoxWriter(capacity: 200 + frames.count * 8 + size)
        write(frames, sequence, decodeTime, track, isUneven, dataOffset: offset, to: &moof)
        moof.box("mdat") { mdat in
            for frame in frames { mdat.raw(frame.bytes) }
        }
        return moof.bytes
    }

    private static func write(
        _ frames: [Frame], _ sequence: UInt32, _ decodeTime: UInt64, _ track: InitSegment, _ isUneven: Bool,
        dataOffset: UInt32,
        to out: inout BoxWriter
    ) {
        out.box("moof") { moof in
            moof.full("mfhd") { $0.u32(sequence) }
            moof.box("traf") { traf in
                traf.full("tfhd", flags: 0x20000) { $0.u32(1) }  // default-base-is-moof
                traf.full("tfdt", version: 1) { $0.u64(decodeTime) }
                traf.full("trun", flags: isUneven ? 0x301 : 0x201) { trun in
                    trun.u32(UInt32(frames.count))
                    trun.u32(dataOffset)
                    for frame in frames {
                        if isUneven { trun.u32(frame.duration) }
                        trun.u32(UInt32(frame.bytes.count))
                    }
                }
                if track.rollDistance != nil {
                    traf.full("sbgp") { sbgp in
                        sbgp.text("roll")
                        sbgp.u32(1)
                        sbgp.u32(UInt32(frames.count))
                        sbgp.u32(1)
                    }
                }
            }
        }
    }
}
