internal import CCrypto
internal import Glibc

/// Bytes nobody can guess, from the kernel.
package enum Random {
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            while done < count {
                let got = getrandom(buffer.baseAddress?.advanced(by: done), count - done, 0)
                // A signal may come between; without randomness nothing of ours may go on.
                guard got > 0 || errno == EINTR else { fatalError("the kernel gives no random bytes: \(errno)") }
                done += max(0, got)
            }
        }
    }

    /// A fence for a lease: compared by equality, so positive is enough.
    package static func token() -> Int64 {
        var generator = SystemRandomNumberGenerator()
        return Int64.random(in: 1...Int64.max, using: &generator)
    }
}
