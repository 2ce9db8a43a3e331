internal import CCrypto

/// MD5 of bytes that come in pieces. For checksums of protocols that name it; it proves nothing against an attacker.
package struct MD5: Sendable {
    private var context = MD5_CTX()

    package init() { MD5_Init(&context) }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in _ = MD5_Update(&context, buffer.baseAddress, buffer.count) }
    }

    /// The digest of what came so far; more may follow.
    package func finish() -> [UInt8] {
        var copy = context
        return [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            MD5_Final(buffer.baseAddress, &copy)
            count = 16
        }
    }

    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var hash = MD5()
        hash.update(bytes)
        return hash.finish()
    }
}
