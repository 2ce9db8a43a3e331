internal import CCrypto

/// SHA-256 that can be put aside and taken up again. Only the low-level context can say its midstate, which is why
/// OpenSSL's newer interface is not used here.
package struct SHA256: Sendable {
    private var context = SHA256_CTX()

    package init() { SHA256_Init(&context) }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in _ = SHA256_Update(&context, buffer.baseAddress, buffer.count) }
    }

    package mutating func update(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { buffer in _ = SHA256_Update(&context, buffer.baseAddress, buffer.count) }
    }

    package mutating func update(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { buffer in _ = SHA256_Update(&context, buffer.baseAddress, buffer.count) }
    }

    /// The digest of what came so far; more may follow.
    package func finish() -> [UInt8] {
        var copy = self
        return [UInt8](unsafeUninitializedCapacity: Self.digestLength) { buffer, count in
            copy.finish(into: buffer)
            count = Self.digestLength
        }
    }

    package static let digestLength = 32

    /// Ends this hash. The buffer has room for the digest.
    mutating func finish(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        precondition(buffer.count >= Self.digestLength)
        SHA256_Final(buffer.baseAddress, &context)
    }

    /// The context as it stands, little-endian as the machine keeps it: 112 bytes.
    package var midstate: [UInt8] { withUnsafeBytes(of: context) { Array($0) } }

    /// Nil for what no context can be: another size, or a count of waiting bytes beyond a block.
    package init?(midstate: [UInt8]) {
        guard midstate.count == MemoryLayout<SHA256_CTX>.size else { return nil }
        withUnsafeMutableBytes(of: &context) { $0.copyBytes(from: midstate) }
        guard context.num < 64, context.md_len == 32 else { return nil }
    }

    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }

    package static func hash(_ text: String) -> [UInt8] { hash(Array(text.utf8)) }
}
