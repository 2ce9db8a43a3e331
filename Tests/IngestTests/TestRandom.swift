/// Randomness that repeats: a failing run is the same run again. SplitMix64.
struct TestRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
}

/// Bytes that pass for a WAV file's.
func wav(_ count: Int, seed: Int = 1) -> [UInt8] {
    var random = TestRandom(seed)
    let head = Array("RIFF\u{10}\u{10}\u{0}\u{0}WAVEfmt ".utf8)
    return Array((head + random.bytes(max(0, count - head.count))).prefix(count))
}
