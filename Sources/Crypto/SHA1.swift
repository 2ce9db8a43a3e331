internal import CCrypto

/// SHA-1 of bytes that come in pieces. For checksums of protocols that name it; it proves nothing against an attacker.
package struct SHA1: Sendable {
    private var context = SHA_CTX()

    package init() { SHA1_Init(&context) }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in _ = SHA1_Update(&context, buffer.baseAddress, buffer.count) }
    }

    /// The digest of what came so far; more may follow.
    package func finish() -> [UInt8] {
        var copy = context
        return [UInt8](unsafeUninitializedCapacity: 20) { buffer, count in
            SHA1_Final(buffer.baseAddress, &copy)
            count = 20
        }
    }
}
