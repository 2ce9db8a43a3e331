/// A bounded map from bytes to values, for look-ups on the hot path: no String is made, and a full set drops the entry that
/// was used longest ago. Its memory is fixed by its capacity; what is dropped is only looked up again.
package struct ByteTable<Value> {
    struct Entry {
        var hash: UInt64
        var key: [UInt8]
        var value: Value
        var usedAt: UInt64
    }

    private static var ways: Int { 4 }
    private var entries: [Entry?]
    private let setMask: Int
    /// Random, so that nobody can choose keys that all fall into one set.
    private let seed = UInt64.random(in: .min ... .max)
    private var clock: UInt64 = 0

    /// Rounded up to a power of two.
    package init(capacity: Int) {
        var sets = 1
        while sets * Self.ways < capacity { sets *= 2 }
        setMask = sets - 1
        entries = Array(repeating: nil, count: sets * Self.ways)
    }

    package mutating func value(_ key: Span<UInt8>) -> Value? {
        guard let index = find(key, hash: hash(key)) else { return nil }
        clock += 1
        entries[index]?.usedAt = clock
        return entries[index]?.value
    }

    /// Returns what it displaced.
    @discardableResult
    package mutating func insert(_ value: Value, for key: Span<UInt8>) -> Value? {
        let hash = hash(key)
        let index = find(key, hash: hash) ?? oldest(in: hash)
        clock += 1
        let displaced = entries[index]?.value
        entries[index] = Entry(hash: hash, key: key.withUnsafeBufferPointer { Array($0) }, value: value, usedAt: clock)
        return displaced
    }

    @discardableResult
    package mutating func remove(_ key: Span<UInt8>) -> Value? {
        guard let index = find(key, hash: hash(key)) else { return nil }
        defer { entries[index] = nil }
        return entries[index]?.value
    }

    package mutating func removeAll(where isGone: (Value) -> Bool) {
        for index in entries.indices {
            if let entry = entries[index], isGone(entry.value) { entries[index] = nil }
        }
    }

    private func find(_ key: Span<UInt8>, hash: UInt64) -> Int? {
        let first = (Int(truncatingIfNeeded: hash) & setMask) * Self.ways
        for index in first..<first + Self.ways {
            guard let found = entries[index]?.hash, found == hash, isKey(index, key) else { continue }
            return index
        }
        return nil
    }

    private func isKey(_ index: Int, _ key: Span<UInt8>) -> Bool {
        guard let own = entries[index]?.key, own.count == key.count else { return false }
        return own.withUnsafeBytes { own in key.withUnsafeBytes { own.elementsEqual($0) } }
    }

    private func oldest(in hash: UInt64) -> Int {
        let first = (Int(truncatingIfNeeded: hash) & setMask) * Self.ways
        return (first..<first + Self.ways).min { (entries[$0]?.usedAt ?? 0) < (entries[$1]?.usedAt ?? 0) } ?? first
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
            return Self.mix(state ^ tail)
        }
    }

    private static func mix(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
}

extension ByteTable: Sendable where Value: Sendable {}
extension ByteTable.Entry: Sendable where Value: Sendable {}
