import Glibc

/// Which key lies where: sets of four places, by hash. Who looks things up by it keeps values of one concrete type beside
/// it: a generic table costs its user a look-up of types at every call.
package struct ByteIndex: Sendable {
    private static let ways = 4
    /// 0 is an empty place; no key hashes to it.
    private var hashes: [UInt64]
    private var usedAt: [UInt64]
    private var keys: [[UInt8]]
    private let setMask: Int
    /// Random, so that nobody can choose keys that all fall into one set.
    private let seed = UInt64.random(in: .min ... .max)
    private var clock: UInt64 = 0

    package init(capacity: Int) {
        var sets = 1
        while sets * Self.ways < capacity { sets *= 2 }
        setMask = sets - 1
        hashes = Array(repeating: 0, count: sets * Self.ways)
        usedAt = hashes
        keys = Array(repeating: [], count: sets * Self.ways)
    }

    package var count: Int { keys.count }

    package mutating func find(_ key: Span<UInt8>) -> Int? {
        guard let place = find(key, hash(key)) else { return nil }
        clock += 1
        usedAt[place] = clock
        return place
    }

    /// Where this key is from now on: its own place, or that of the one used longest ago.
    package mutating func place(_ key: Span<UInt8>) -> Int {
        let hash = hash(key)
        let place = find(key, hash) ?? oldest(hash)
        clock += 1
        usedAt[place] = clock
        hashes[place] = hash
        keys[place] = key.withUnsafeBufferPointer { Array($0) }
        return place
    }

    package mutating func remove(_ key: Span<UInt8>) -> Int? {
        guard let place = find(key, hash(key)) else { return nil }
        clear(place)
        return place
    }

    package mutating func clear(_ place: Int) {
        hashes[place] = 0
        usedAt[place] = 0
        keys[place] = []
    }

    private func find(_ key: Span<UInt8>, _ hash: UInt64) -> Int? {
        let first = (Int(truncatingIfNeeded: hash) & setMask) * Self.ways
        for place in first..<first + Self.ways where hashes[place] == hash && isKey(place, key) { return place }
        return nil
    }

    private func isKey(_ place: Int, _ key: Span<UInt8>) -> Bool {
        keys[place].withUnsafeBytes { own in
            key.withUnsafeBytes { key in
                guard own.count == key.count, let left = own.baseAddress, let right = key.baseAddress else {
                    return own.count == key.count
                }
                return memcmp(left, right, own.count) == 0
            }
        }
    }

    private func oldest(_ hash: UInt64) -> Int {
        let first = (Int(truncatingIfNeeded: hash) & setMask) * Self.ways
        var place = first
        for other in first..<first + Self.ways where usedAt[other] < usedAt[place] { place = other }
        return place
    }

    /// Multiply and fold, eight bytes a step, from a secret seed.
    private func hash(_ key: Span<UInt8>) -> UInt64 {
        key.withUnsafeBytes { bytes in
            var state = seed ^ UInt64(bytes.count)
            var offset = 0
            while offset + 8 <= bytes.count {
                state = Self.mix(state ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                offset += 8
            }
            var tail: UInt64 = 0
            while offset < bytes.count {
                tail = tail << 8 | UInt64(bytes[offset])
                offset += 1
            }
            return max(1, Self.mix(state ^ tail))
        }
    }

    private static func mix(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
}
