/// Makes decoded sound safe for encoders: whole samples, each a number. ffmpeg's encoders end at a sample that is not a
/// number, infinite or near it, and a file of floats may hold any of these.
struct SampleFilter {
    /// The highest byte of a 32-bit float without its sign, from which on a sample is 2048 or more, infinite or not a
    /// number. Full scale is 1.
    private static let limit: UInt8 = 0x45
    /// The start of a sample whose end has not come yet.
    private var rest: [UInt8] = []

    /// What is no sound becomes silence.
    mutating func pass(_ bytes: [UInt8]) -> [UInt8] {
        var whole = rest.isEmpty ? bytes : rest + bytes
        let extra = whole.count % 4
        rest = Array(whole.suffix(extra))
        whole.removeLast(extra)
        var samples = whole.mutableSpan
        for top in stride(from: 3, to: samples.count, by: 4) where samples[top] & 0x7F >= Self.limit {
            for at in top - 3...top { samples[at] = 0 }
        }
        return whole
    }
}
