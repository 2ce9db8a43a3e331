/// A key whose two padded blocks are hashed already (RFC 2104 §4), so that a code costs two short hashes and no look-up.
package struct HMACKey: Sendable, CustomStringConvertible {
    private let inner: SHA256
    private let outer: SHA256

    package init(_ key: [UInt8]) {
        let short = key.count > 64 ? SHA256.hash(key) : key
        let block = short + [UInt8](repeating: 0, count: 64 - short.count)
        var inner = SHA256()
        inner.update(block.map { $0 ^ 0x36 })
        var outer = SHA256()
        outer.update(block.map { $0 ^ 0x5C })
        self.inner = inner
        self.outer = outer
    }

    package var description: String { "<redacted>" }

    package func code(_ message: [UInt8]) -> [UInt8] { code(message.span) }
    package func code(_ message: ArraySlice<UInt8>) -> [UInt8] { code(message.span) }

    package func code(_ message: Span<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.digestLength) { buffer, count in
            write(of: message, to: buffer)
            count = SHA256.digestLength
        }
    }

    package func verifies(_ code: [UInt8], of message: [UInt8]) -> Bool { verifies(code, of: message.span) }
    package func verifies(_ code: [UInt8], of message: ArraySlice<UInt8>) -> Bool { verifies(code, of: message.span) }

    /// In a time that says nothing of how much of `code` is right.
    package func verifies(_ code: [UInt8], of message: Span<UInt8>) -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: SHA256.digestLength) { right in
            write(of: message, to: right)
            return constantTimeEqual(right.span, code.span)
        }
    }

    private func write(of message: Span<UInt8>, to buffer: UnsafeMutableBufferPointer<UInt8>) {
        var inner = inner
        inner.update(message)
        inner.finish(into: buffer)
        var outer = outer
        outer.update(buffer.span)
        outer.finish(into: buffer)
    }
}

package enum HMACSHA256 {
    package static func code(key: [UInt8], _ message: [UInt8]) -> [UInt8] { HMACKey(key).code(message) }
}

/// Takes as long for a wrong first byte as for a wrong last one. Lengths are no secret.
package func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool { constantTimeEqual(a.span, b.span) }

func constantTimeEqual(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for index in 0..<a.count { difference |= a[index] ^ b[index] }
    return difference == 0
}
