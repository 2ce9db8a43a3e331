/// Who is at the other end of the connection: an address, which says nothing of who is behind a proxy.
package struct Peer: Hashable, Sendable, CustomStringConvertible {
    /// As IPv6 words in host order; an IPv4 address is kept mapped, `::ffff:a.b.c.d`.
    let high: UInt64
    let low: UInt64

    package static let loopback = Peer(ipv4: 0x7F00_0001)

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(ipv4: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4)) }

    /// Of 4 or 16 bytes in network order.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        if bytes.count == 4 {
            self.init(ipv4: UInt32(word(bytes[...])))
        } else {
            self.init(high: word(bytes[..<8]), low: word(bytes[8...]))
        }
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    package var isLoopback: Bool { isIPv4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1 }

    /// The 16 bytes, for whoever matches networks.
    package var bytes: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) } }
    }

    /// `192.0.2.7`, or the eight groups of an IPv6 address.
    package var description: String {
        if isIPv4 { return (0..<4).map { String(low >> (24 - 8 * $0) & 0xFF) }.joined(separator: ".") }
        return [high, low].flatMap { word in (0..<4).map { String(word >> (48 - 16 * $0) & 0xFFFF, radix: 16) } }
            .joined(separator: ":")
    }
}
