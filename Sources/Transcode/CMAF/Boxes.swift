/// Writes ISO base media boxes (ISO/IEC 14496-12), big-endian, sizes filled in by construction.
struct BoxWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    mutating func box(_ type: String, _ body: (inout BoxWriter) -> Void) {
        let start = bytes.count
        u32(0)
        text(type)
        body(&self)
        let size = UInt32(bytes.count - start)
        for (index, shift) in [24, 16, 8, 0].enumerated() {
            bytes[start + index] = UInt8(truncatingIfNeeded: size >> UInt32(shift))
        }
    }

    mutating func full(_ type: String, version: UInt8 = 0, flags: UInt32 = 0, _ body: (inout BoxWriter) -> Void) {
        box(type) { box in
            box.u32(UInt32(version) << 24 | flags)
            body(&box)
        }
    }

    mutating func text(_ text: String) { bytes += text.utf8 }
    mutating func raw(_ more: [UInt8]) { bytes += more }
    mutating func zeros(_ count: Int) { bytes += [UInt8](repeating: 0, count: count) }
    mutating func u8(_ value: UInt8) { bytes.append(value) }
    mutating func u16(_ value: UInt16) { integer(UInt64(value), 2) }
    mutating func u32(_ value: UInt32) { integer(UInt64(value), 4) }
    mutating func u64(_ value: UInt64) { integer(value, 8) }

    private mutating func integer(_ value: UInt64, _ width: Int) {
        for index in (0..<width).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }
}

/// A box inside bytes that are whole.
struct Box {
    let type: String
    /// What follows size and type.
    let body: ArraySlice<UInt8>

    /// The boxes that lie one after another in `bytes`; nil when a size does not fit.
    static func list(_ bytes: ArraySlice<UInt8>) -> [Box]? {
        var boxes: [Box] = []
        var rest = bytes
        while !rest.isEmpty {
            guard let size = rest.integer(4, at: 0), size >= 8, size <= rest.count else { return nil }
            let start = rest.startIndex
            let type = String(decoding: rest[start + 4..<start + 8], as: UTF8.self)
            boxes.append(Box(type: type, body: rest[start + 8..<start + Int(size)]))
            rest = rest[(start + Int(size))...]
        }
        return boxes
    }

    /// The first box at a path of types below these bytes.
    static func first(_ path: [String], in bytes: ArraySlice<UInt8>) -> Box? {
        guard let type = path.first, let box = list(bytes)?.first(where: { $0.type == type }) else { return nil }
        return path.count == 1 ? box : first(Array(path.dropFirst()), in: box.body)
    }
}

extension ArraySlice<UInt8> {
    /// A big-endian number `offset` bytes from the start; nil past the end.
    func integer(_ width: Int, at offset: Int) -> UInt64? {
        guard offset >= 0, offset + width <= count else { return nil }
        return self[startIndex + offset..<startIndex + offset + width].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
