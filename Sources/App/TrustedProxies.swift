import HTTPClient
import HTTPServer

/// The proxies in front of us. What they say of who asked, and by which address, is believed; what anybody else says of it
/// is not.
struct TrustedProxies: Sendable {
    private let blocks: [AddressBlock]

    init(_ blocks: [AddressBlock]) { self.blocks = blocks }

    /// The request as it came to the first of them.
    func restored(_ request: Request) -> Request {
        guard !blocks.isEmpty, trusts(request.peer) else { return request }
        let proto = Self.last(request.fields["x-forwarded-proto"]).flatMap { word in
            ["http", "https"].first { $0 == word.lowercased() }
        }
        let host = Self.last(request.fields["x-forwarded-host"]).flatMap { Self.isHost($0) ? $0 : nil }
        return request.forwarded(for: client(of: request), host: host, scheme: proto)
    }

    /// Each proxy adds who it was asked by at the end of the list. It is read from there up to the first that is none of
    /// ours: what stands before it that one may have made up.
    private func client(of request: Request) -> Peer {
        var peer = request.peer
        let hops = request.fields["x-forwarded-for"]?.split(separator: ",", omittingEmptySubsequences: false) ?? []
        for hop in hops.reversed() {
            guard trusts(peer), let next = Self.peer(hop) else { break }
            peer = next
        }
        return peer
    }

    private func trusts(_ peer: Peer) -> Bool {
        guard let address = IPAddress(peer.description) else { return false }
        return blocks.contains { $0.contains(address) }
    }

    /// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
    private static func peer(_ hop: Substring) -> Peer? {
        var text = String(hop.filter { $0 != " " && $0 != "\t" })
        if text.hasPrefix("[") {
            text = String(text.dropFirst().prefix { $0 != "]" })
        } else if text.utf8.filter({ $0 == UInt8(ascii: ":") }).count == 1 {
            text = String(text.prefix { $0 != ":" })
        }
        return IPAddress(text).flatMap { Peer(bytes: $0.bytes) }
    }

    private static func last(_ list: String?) -> String? {
        list?.split(separator: ",").last.map { String($0.filter { $0 != " " && $0 != "\t" }) }
    }

    private static func isHost(_ text: String) -> Bool {
        let marks = Array(".-:[]".utf8)
        return !text.isEmpty && text.utf8.count <= 255
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || marks.contains(byte)
            }
    }
}
