import HTTPClient
import Platform
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The address guard` {
    @Test(arguments: [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "localhost",
        "LOCALHOST", "0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "%31%32%37.0.0.1",
    ])
    func `keeps a client off this machine, however it is spelled`(_ host: String) async throws {
        let server = try RawServer { connection in
            while connection.head() != nil { connection.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        }
        let client = try client(.publicOnly())
        let failure = await #expect(throws: ClientFailure.self) {
            try await client.send(ClientRequest("GET", server.url(host: host)))
        }
        #expect(failure?.kind == .refusedAddress && failure?.isPassing == false, "\(host): \(failure?.message ?? "")")
        #expect(server.connections == 0)
    }

    @Test(arguments: ["127.0.0.1.", "LOCALHOST.", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "[::1%25lo]", "[::1"])
    func `is not passed by what resolvers read differently either`(_ host: String) async throws {
        let server = try RawServer { $0.waitForEnd() }
        let client = try client(.publicOnly())
        let failure = await #expect(throws: ClientFailure.self) {
            try await client.send(ClientRequest("GET", server.url(host: host)))
        }
        let kinds: [ClientFailure.Kind] = [.refusedAddress, .unresolved, .invalid]
        #expect(kinds.contains { $0 == failure?.kind }, "\(host): \(failure?.message ?? "")")
        #expect(server.connections == 0)
    }

    @Test func `lets through what the operator named`() async throws {
        let server = try RawServer { connection in
            while connection.head() != nil { connection.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        }
        let block = try #require(AddressBlock("127.0.0.0/8"))
        let guarded = try client(.publicOnly(allowing: [block]))
        #expect(try await guarded.send(ClientRequest("GET", server.url())).status == 200)
        #expect(try await guarded.send(ClientRequest("GET", server.url(host: "localhost"))).status == 200)
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.255.255.255", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.255.255", "198.18.0.1",
        "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "::8.8.8.8", "64:ff9b::a00:1",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "4000::1",
        "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
    ])
    func `counts as not public`(_ text: String) throws {
        #expect(!AddressPolicy.publicOnly().permits(try #require(IPAddress(text))))
        #expect(AddressPolicy.anywhere.permits(try #require(IPAddress(text))))
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.0.1", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.0.1", "198.17.255.255",
        "198.20.0.0", "223.255.255.255", "2001:200::1", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ])
    func `counts as public`(_ text: String) throws {
        #expect(AddressPolicy.publicOnly().permits(try #require(IPAddress(text))))
    }

    @Test func `knows which addresses a block holds`() throws {
        let block = try #require(AddressBlock("10.20.0.0/14"))
        for (text, isIn) in [("10.20.0.0", true), ("10.23.255.255", true), ("10.24.0.0", false), ("10.19.9.9", false)] {
            #expect(block.contains(try #require(IPAddress(text))) == isIn, "\(text)")
        }
        let all = try #require(AddressBlock("0.0.0.0/0"))
        #expect(all.contains(try #require(IPAddress("1.2.3.4"))))
        #expect(!all.contains(try #require(IPAddress("::1"))))
        #expect(AddressBlock("fd00::/8")?.contains(try #require(IPAddress("fdab::1"))) == true)
        #expect(AddressBlock("192.168.1.1")?.description == "192.168.1.1/32")
        // A mapped address is the address it maps to.
        let policy = AddressPolicy.publicOnly(allowing: [block])
        #expect(policy.permits(try #require(IPAddress("::ffff:10.20.0.1"))))
        #expect(!policy.permits(try #require(IPAddress("::ffff:10.24.0.1"))))
    }

    @Test(arguments: [
        "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8", "::/129", "a/8", "10.0.0.0/+8", "/8",
        "010.0.0.1",
    ])
    func `takes no other text for a block`(_ text: String) {
        #expect(AddressBlock(text) == nil)
    }
}
