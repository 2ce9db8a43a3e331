/// The fields of one message, kept as the bytes that came and looked up in place: no dictionary is built for the two or
/// three that anybody asks for. Names compare without case.
package struct Fields: Sendable {
    private let bytes: [UInt8]
    private let slots: [FieldSlot]

    package static let none = Fields([])

    init(bytes: [UInt8], slots: [FieldSlot]) {
        self.bytes = bytes
        self.slots = slots
    }

    package init(_ pairs: [(String, String)]) {
        var bytes: [UInt8] = []
        var slots: [FieldSlot] = []
        for (name, value) in pairs {
            let name = Array(name.utf8)
            let value = Array(value.utf8)
            slots.append(FieldSlot(nameAt: bytes.count, nameCount: name.count, valueCount: value.count))
            bytes += name
            bytes += value
        }
        self.bytes = bytes
        self.slots = slots
    }

    /// Lines of one name are one list, joined by a comma (RFC 9110 §5.2).
    package subscript(_ name: String) -> String? {
        let found = all(name)
        return found.isEmpty ? nil : found.joined(separator: ", ")
    }

    package func all(_ name: String) -> [String] {
        slots.filter { matches($0, name) }.map(value)
    }

    package func contains(_ name: String) -> Bool { slots.contains { matches($0, name) } }

    package var pairs: [(name: String, value: String)] {
        slots.map { slot in
            (String(decoding: bytes[slot.name], as: UTF8.self), value(slot))
        }
    }

    package var isEmpty: Bool { slots.isEmpty }

    private func value(_ slot: FieldSlot) -> String { String(decoding: bytes[slot.value], as: UTF8.self) }

    private func matches(_ slot: FieldSlot, _ name: String) -> Bool {
        slot.name.count == name.utf8.count
            && zip(bytes[slot.name], name.utf8).allSatisfy { asciiLowercase($0) == asciiLowercase($1) }
    }
}

/// Where a field lies in the bytes of its head. Offsets of 32 bits: a head never comes near that.
struct FieldSlot: Sendable {
    private let nameAt: UInt32
    private let nameEnd: UInt32
    private let valueAt: UInt32
    private let valueEnd: UInt32

    init(name: Range<Int>, value: Range<Int>) {
        nameAt = UInt32(truncatingIfNeeded: name.lowerBound)
        nameEnd = UInt32(truncatingIfNeeded: name.upperBound)
        valueAt = UInt32(truncatingIfNeeded: value.lowerBound)
        valueEnd = UInt32(truncatingIfNeeded: value.upperBound)
    }

    init(nameAt: Int, nameCount: Int, valueCount: Int) {
        self.init(name: nameAt..<nameAt + nameCount, value: nameAt + nameCount..<nameAt + nameCount + valueCount)
    }

    var name: Range<Int> { Int(nameAt)..<Int(nameEnd) }
    var value: Range<Int> { Int(valueAt)..<Int(valueEnd) }
}

@inline(__always)
func asciiLowercase(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
}
