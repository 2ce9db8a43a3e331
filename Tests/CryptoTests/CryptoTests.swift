import Crypto
import Testing

@Suite struct `Hashes and codes` {
    @Test func `SHA-256 gives the known answers`() {
        // FIPS 180-4, the examples of one and of two blocks.
        #expect(Hex.encode(SHA256.hash("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            Hex.encode(SHA256.hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))
                == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        #expect(Hex.encode(SHA256.hash("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func `a hash goes on from its midstate, wherever it was put aside`() throws {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 31) }
        for cut in [0, 1, 63, 64, 65, 500, 1000] {
            var first = SHA256()
            first.update(bytes[..<cut])
            var second = try #require(SHA256(midstate: first.midstate))
            second.update(bytes[cut...])
            #expect(second.finish() == SHA256.hash(bytes))
        }
        #expect(SHA256(midstate: [1, 2, 3]) == nil)
        #expect(SHA256(midstate: [UInt8](repeating: 255, count: 112)) == nil)
    }

    @Test func `HMAC gives RFC 4231's answers, also for a key longer than a block`() {
        #expect(
            Hex.encode(HMACSHA256.code(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let long = [UInt8](repeating: 0xAA, count: 131)
        let text = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        #expect(
            Hex.encode(HMACSHA256.code(key: long, text))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test func `CRC32C gives the known answers at every alignment`() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)  // RFC 3720 §B.4
        let bytes = (0..<100).map { UInt8($0) }
        for cut in 0...100 {
            #expect(CRC32C.extend(CRC32C.checksum(bytes[..<cut]), with: bytes[cut...]) == CRC32C.checksum(bytes))
        }
    }

    @Test func `base64 has one text for one value`() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 77 + 13) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.url.decode(Base64.url.encode(bytes)) == bytes)
        }
        #expect(Base64.encode(Array("foob".utf8)) == "Zm9vYg==")
        for wrong in ["Zm9vYg", "Zm9vYg=", "Zm9vYh==", "Zm9v Yg==", "Z", "====", "Zm9-"] {
            #expect(Base64.decode(wrong) == nil, "\(wrong)")
        }
        for wrong in ["Zm9vYg==", "Zm9vYh", "Z", "Zm+v"] { #expect(Base64.url.decode(wrong) == nil, "\(wrong)") }
    }

    @Test func `gzip can be read by what knows gzip`() throws {
        let bytes = Array(String(repeating: "#EXTINF:5.990748,\n", count: 100).utf8)
        let packed = try #require(Gzip.compress(bytes))
        #expect(packed.starts(with: [0x1F, 0x8B, 8]))
        #expect(packed.count < bytes.count / 10)
        #expect(packed.suffix(4).elementsEqual([UInt8(bytes.count & 255), UInt8(bytes.count >> 8), 0, 0]))
    }
}
