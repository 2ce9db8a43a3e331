/// The `init.mp4` of one rendition: what every player reads first. Written last, because the edit list names how many
/// samples are heard.
struct InitSegment: Sendable {
    let entry: [UInt8]
    let rate: UInt32
    let frameDuration: UInt32
    let priming: UInt32
    /// How far a decoder must roll in before its output is right: -1 for AAC (ISO/IEC 14496-12 §10.1), none for FLAC.
    let rollDistance: Int16?

    func bytes(shown: UInt64) -> [UInt8] {
        var out = BoxWriter()
        out.box("ftyp") { ftyp in
            ftyp.text("cmfc")
            ftyp.u32(0)
            for brand in ["iso6", "cmfc", "mp41"] { ftyp.text(brand) }
        }
        out.box("moov") { moov in
            moov.full("mvhd") { mvhd in
                mvhd.zeros(8)
                mvhd.u32(rate)
                mvhd.u32(0)
                mvhd.u32(0x0001_0000)
                mvhd.u16(0x0100)
                mvhd.zeros(10)
                Self.matrix(&mvhd)
                mvhd.zeros(24)
                mvhd.u32(2)
            }
            moov.box("trak") { track(shown, &$0) }
            moov.box("mvex") { mvex in
                mvex.full("trex") { trex in
                    trex.u32(1)
                    trex.u32(1)
                    trex.u32(frameDuration)
                    trex.u32(0)
                    trex.u32(0x0200_0000)  // depends on no other sample
                }
            }
        }
        return out.bytes
    }

    private func track(_ shown: UInt64, _ trak: inout BoxWriter) {
        trak.full("tkhd", flags: 7) { tkhd in
            tkhd.zeros(8)
            tkhd.u32(1)
            tkhd.zeros(8)
            tkhd.zeros(8)
            tkhd.zeros(4)
            tkhd.u16(0x0100)
            tkhd.zeros(2)
            Self.matrix(&tkhd)
            tkhd.zeros(8)
        }
        trak.box("edts") { edts in
            edts.full("elst") { elst in
                elst.u32(1)
                elst.u32(UInt32(clamping: shown))
                elst.u32(priming)
                elst.u32(0x0001_0000)
            }
        }
        trak.box("mdia") { media(&$0) }
    }

    private func media(_ mdia: inout BoxWriter) {
        mdia.full("mdhd") { mdhd in
            mdhd.zeros(8)
            mdhd.u32(rate)
            mdhd.u32(0)
            mdhd.u16(0x55C4)  // "und"
            mdhd.u16(0)
        }
        mdia.full("hdlr") { hdlr in
            hdlr.u32(0)
            hdlr.text("soun")
            hdlr.zeros(12)
            hdlr.text("sound")
            hdlr.u8(0)
        }
        mdia.box("minf") { minf in
            minf.full("smhd") { $0.zeros(4) }
            minf.box("dinf") { dinf in
                dinf.full("dref") { dref in
                    dref.u32(1)
                    dref.full("url ", flags: 1) { _ in }
                }
            }
            minf.box("stbl") { stbl in
                stbl.full("stsd") { stsd in
                    stsd.u32(1)
                    stsd.raw(entry)
                }
                stbl.full("stts") { $0.u32(0) }
                stbl.full("stsc") { $0.u32(0) }
                stbl.full("stsz") { $0.zeros(8) }
                stbl.full("stco") { $0.u32(0) }
                if let rollDistance {
                    stbl.full("sgpd", version: 1) { sgpd in
                        sgpd.text("roll")
                        sgpd.u32(2)
                        sgpd.u32(1)
                        sgpd.u16(UInt16(bitPattern: rollDistance))
                    }
                }
            }
        }
    }

    private static func matrix(_ box: inout BoxWriter) {
        for value: UInt32 in [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000] { box.u32(value) }
    }
}
