import Crypto

/// SHA-256 of an upload from its first byte to `end`, as far as it has come. A value, but a small one: requests that wait
/// for their bodies hold copies of it.
struct RunningHash: Sendable {
    /// `@unchecked Sendable`: changed by `update` alone, and only where no other value holds it.
    private final class Sum: @unchecked Sendable {
        var sha: SHA256
        init(_ sha: SHA256) { self.sha = sha }
    }

    private(set) var end: Int64
    private var sum: Sum

    init() {
        end = 0
        sum = Sum(SHA256())
    }

    /// As a journal kept it; nil where that is no state of SHA-256.
    init?(end: Int64, midstate: [UInt8]) {
        guard let sha = SHA256(midstate: midstate) else { return nil }
        self.end = end
        sum = Sum(sha)
    }

    mutating func update(_ bytes: [UInt8]) {
        if !isKnownUniquelyReferenced(&sum) { sum = Sum(sum.sha) }
        sum.sha.update(bytes)
        end += Int64(bytes.count)
    }

    var midstate: [UInt8] { sum.sha.midstate }
    var digest: [UInt8] { sum.sha.finish() }
}
