internal import Glibc

/// An address of either family, as bytes in network order.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// Four or sixteen.
    package let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Only the plain spellings: no octal, no missing parts, no scope.
    package init?(_ text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.bytes = Array(bytes[..<4])
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.bytes = bytes
        } else {
            return nil
        }
    }

    /// The IPv4 address that packets to this one reach: mapped (RFC 4291 §2.5.5.2), or behind NAT64 (RFC 6052 §2.1).
    var embedded: IPAddress? {
        guard bytes.count == 16 else { return nil }
        let mapped = AddressBlock(bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], length: 96)
        let translated = AddressBlock(bytes: [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0], length: 96)
        guard mapped.contains(self) || translated.contains(self) else { return nil }
        return IPAddress(bytes: Array(bytes[12...]))
    }

    package var description: String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A block of addresses, `10.0.0.0/8` or a single one.
package struct AddressBlock: Sendable, Hashable, CustomStringConvertible {
    private let family: Int
    private let bytes: [UInt8]
    private let length: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(String(parts[0])) else { return nil }
        family = address.bytes.count
        bytes = address.bytes
        guard parts.count == 2 else {
            length = family * 8
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]),
            length <= family * 8
        else { return nil }
        self.length = length
    }

    /// `bytes` may stop where the length does. Of IPv6, unless they are of the other family's size and said so.
    init(bytes: [UInt8], length: Int, family: Int = 16) {
        self.family = family
        self.bytes = bytes
        self.length = length
    }

    package func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == family else { return false }
        let whole = length / 8
        guard address.bytes[..<whole] == bytes[..<whole] else { return false }
        let rest = length % 8
        return rest == 0 || (address.bytes[whole] ^ bytes[whole]) >> (8 - UInt8(rest)) == 0
    }

    package var description: String {
        let full = bytes + [UInt8](repeating: 0, count: family - bytes.count)
        return "\(IPAddress(bytes: full))/\(length)"
    }
}
