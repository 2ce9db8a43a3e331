import Crypto

/// SHA-256 of an upload from its first byte to `end`, as far as it has come.
struct RunningHash: Sendable {
    private(set) var end: Int64
    private var sha: SHA256

    init() {
        end = 0
        sha = SHA256()
    }

    /// As a journal kept it; nil where that is no state of SHA-256.
    init?(end: Int64, midstate: [UInt8]) {
        guard let sha = SHA256(midstate: midstate) else { return nil }
        self.end = end
        self.sha = sha
    }

    mutating func update(_ bytes: [UInt8]) {
        sha.update(bytes)
        end += Int64(bytes.count)
    }

    var midstate: [UInt8] { sha.midstate }
    var digest: [UInt8] { sha.finish() }
}
