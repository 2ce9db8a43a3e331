/// A bounded map from bytes to values, for look-ups on the hot path: no String is made, and a full set drops the entry that
/// was used longest ago. Its memory is fixed by its capacity; what is dropped is only looked up again.
package struct ByteTable<Value> {
    private var index: ByteIndex
    private var values: [Value?]

    /// Rounded up to a power of two.
    package init(capacity: Int) {
        index = ByteIndex(capacity: capacity)
        values = Array(repeating: nil, count: index.count)
    }

    package mutating func value(_ key: Span<UInt8>) -> Value? {
        guard let place = index.find(key) else { return nil }
        return values[place]
    }

    /// Returns what it displaced.
    @discardableResult
    package mutating func insert(_ value: Value, for key: Span<UInt8>) -> Value? {
        let place = index.place(key)
        defer { values[place] = value }
        return values[place]
    }

    @discardableResult
    package mutating func remove(_ key: Span<UInt8>) -> Value? {
        guard let place = index.remove(key) else { return nil }
        defer { values[place] = nil }
        return values[place]
    }

    package mutating func removeAll(where isGone: (Value) -> Bool) {
        for place in values.indices {
            guard let value = values[place], isGone(value) else { continue }
            index.clear(place)
            values[place] = nil
        }
    }
}

extension ByteTable: Sendable where Value: Sendable {}
