import Crypto
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Hashes and codes` {
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

    @Test func `a hash that said its digest goes on`() {
        var hash = SHA256()
        hash.update(Array("ab".utf8))
        _ = hash.finish()
        hash.update(Array("c".utf8).span)
        #expect(hash.finish() == SHA256.hash("abc"))
        #expect(
            Hex.encode(SHA256.hash([UInt8](repeating: 0x61, count: 1_000_000)))
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test(arguments: [
        (
            [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            [UInt8](1...25), [UInt8](repeating: 0xCD, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131),
            Array(
                "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."
                    .utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ])
    func `HMAC gives the answers of RFC 4231`(_ key: [UInt8], _ message: [UInt8], _ answer: String) {
        let hmac = HMACKey(key)
        #expect(Hex.encode(hmac.code(message)) == answer)
        #expect(Hex.encode(hmac.code(([7] + message)[1...])) == answer)
    }

    @Test func `a code is verified whole`() throws {
        let key = HMACKey(Array("key".utf8))
        let message = Array("message".utf8)
        let code = key.code(message)
        #expect(key.verifies(code, of: message) && key.verifies(code, of: message[...]))
        for index in code.indices {
            var other = code
            other[index] ^= 0x10
            #expect(!key.verifies(other, of: message))
        }
        #expect(!key.verifies(Array(code.dropLast()), of: message) && !key.verifies([], of: message))
        #expect(!key.verifies(code, of: Array("massage".utf8)))
        #expect(!"\(key)".contains("key"))
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

    @Test func `the instruction and the tables agree`() {
        let bytes = (0..<70).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 3) }
        for (first, last) in [(0, 0), (0, 1), (1, 9), (3, 70), (0, 64), (5, 68)] {
            let part = bytes[first..<last]
            #expect(CRC32C.extend(77, with: part) == CRC32C.extendByTables(77, with: part.span))
        }
        #expect(CRC32C.extendByTables(0, with: Array("123456789".utf8).span) == 0xE306_9283)
    }

    @Test func `hexadecimal is read in both cases, and nothing else is`() {
        #expect(Hex.encode([0, 0x9A, 0xBC, 0xDE, 0xFF]) == "009abcdeff" && Hex.encode([UInt8]()) == "")
        #expect(Hex.encode([1, 2, 3].dropFirst()) == "0203")
        #expect(Hex.decode("009aBCdeFF") == [0, 0x9A, 0xBC, 0xDE, 0xFF] && Hex.decode("") == [])
        for wrong in ["0", "0g", " 00", "0x", "００", "-1"] { #expect(Hex.decode(wrong) == nil, "\(wrong)") }
    }

    @Test func `random bytes are as many as were asked for, and others each time`() {
        for count in [0, 1, 24, 300, 100_000] { #expect(Random.bytes(count).count == count) }
        #expect(Random.bytes(24) != Random.bytes(24))
        // Of 100,000 bytes each value is some: a tail that stayed zero would show.
        #expect(Set(Random.bytes(100_000).suffix(10_000)).count == 256)
        #expect(Random.token() > 0)
    }

    @Test func `base64 gives the answers of RFC 4648`() {
        let answers = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]
        for (count, answer) in answers.enumerated() {
            let bytes = Array("foobar".utf8.prefix(count))
            #expect(Base64.encode(bytes) == answer)
            #expect(Base64.url.encode(bytes) == answer.filter { $0 != "=" })
        }
        #expect(Base64.encode([0xFB, 0xFF, 0xFE]) == "+//+" && Base64.url.encode([0xFB, 0xFF, 0xFE]) == "-__-")
    }

    @Test func `base64 has one text for one value`() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 77 + 13) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.url.decode(Base64.url.encode(bytes)) == bytes)
        }
        #expect(Base64.encode(Array("foob".utf8)) == "Zm9vYg==")
        for wrong in [
            "Zm9vYg", "Zm9vYg=", "Zm9vYh==", "Zm9v Yg==", "Z", "====", "Zm9-", "Zg==Zg==", "Z===", "=Zg=", "Zm9v\n",
            "Zé==",
        ] {
            #expect(Base64.decode(wrong) == nil, "\(wrong)")
        }
        for wrong in ["Zm9vYg==", "Zm9vYh", "Z", "Zm+v"] { #expect(Base64.url.decode(wrong) == nil, "\(wrong)") }
    }

    @Test func `gzip can be read by what knows gzip`() throws {
        let bytes = Array(String(repeating: "#EXTINF:5.990748,\n", count: 100).utf8)
        let packed = try #require(Gzip.compress(bytes))
        #expect(packed.starts(with: [0x1F, 0x8B, 8]))
        #expect(packed.count < bytes.count / 10)
        #expect(Gzip.compress([])?.isEmpty == false)
        #expect(packed.suffix(4).elementsEqual([UInt8(bytes.count & 255), UInt8(bytes.count >> 8), 0, 0]))
    }
}
