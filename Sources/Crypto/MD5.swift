internal import CCrypto

/// For `Content-MD5` alone, which protocols ask for: it protects against nobody.
package enum MD5 {
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            bytes.withUnsafeBufferPointer { _ = CCrypto.MD5($0.baseAddress, $0.count, buffer.baseAddress) }
            count = 16
        }
    }
}
