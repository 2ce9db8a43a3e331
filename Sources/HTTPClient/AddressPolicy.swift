/// Which addresses a client may connect to. It is asked about the address itself, after every name was looked up and every
/// spelling read, so no trick with names passes it. Each client has one policy and connections of its own: none is reused
/// under another.
package struct AddressPolicy: Sendable {
    private let isOpen: Bool
    private let allowed: [AddressBlock]

    /// For addresses the operator chose.
    package static let anywhere = AddressPolicy(isOpen: true, allowed: [])

    /// For addresses somebody else chose: the public internet, and what the operator names.
    package static func publicOnly(allowing allowed: [AddressBlock] = []) -> AddressPolicy {
        AddressPolicy(isOpen: false, allowed: allowed)
    }

    package func permits(_ address: IPAddress) -> Bool {
        if isOpen || allowed.contains(where: { $0.contains(address) }) { return true }
        if let embedded = address.embedded { return permits(embedded) }
        if address.bytes.count == 4 { return !Self.special.contains { $0.contains(address) } }
        // RFC 4291 §2.4: only 2000::/3 is given out; the rest is loopback, link-local, unique local, multicast or unused.
        return address.bytes[0] >> 5 == 1 && !Self.special.contains { $0.contains(address) }
    }

    /// The registries of special-purpose addresses (RFC 6890 and its successors), multicast and the reserved end.
    private static let special: [AddressBlock] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        // Teredo, ORCHID and their neighbours; documentation; 6to4, which carries an IPv4 address; documentation again.
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    ].compactMap { AddressBlock($0) }
}
