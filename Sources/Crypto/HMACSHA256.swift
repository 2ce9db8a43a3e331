/// A key whose two padded blocks are hashed already (RFC 2104 §4), so that a code costs two short hashes and no look-up.
package struct HMACKey: Sendable {
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

    package func code(_ message: [UInt8]) -> [UInt8] {
        var inner = inner
        inner.update(message)
        var outer = outer
        outer.update(inner.finish())
        return outer.finish()
    }

    package func code(_ message: ArraySlice<UInt8>) -> [UInt8] {
        var inner = inner
        inner.update(message)
        var outer = outer
        outer.update(inner.finish())
        return outer.finish()
    }

    package func verifies(_ code: [UInt8], of message: [UInt8]) -> Bool { constantTimeEqual(self.code(message), code) }
}

package enum HMACSHA256 {
    package static func code(key: [UInt8], _ message: [UInt8]) -> [UInt8] { HMACKey(key).code(message) }
}

/// Takes as long for a wrong first byte as for a wrong last one. Lengths are no secret.
package func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for index in a.indices { difference |= a[index] ^ b[index] }
    return difference == 0
}
