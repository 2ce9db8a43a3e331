import Testing

@testable import Ingest

@Suite(.timeLimit(.minutes(5))) struct MultipartTests {
    private static let type = "multipart/form-data; boundary=XbarX"

    private static func form(_ content: [UInt8], name: String = "file", extra: String = "") -> [UInt8] {
        Array(
            "--XbarX\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\(extra)\r\n"
                .utf8)
            + content + Array("\r\n".utf8)
    }
    private static let close = Array("--XbarX--\r\n".utf8)

    private func parse(_ body: [UInt8], by size: Int) throws -> (parts: [(Multipart.Head, [UInt8])], isClosed: Bool) {
        var multipart = try #require(Multipart(contentType: Self.type))
        var parts: [(Multipart.Head, [UInt8])] = []
        for start in stride(from: 0, to: body.count, by: size) {
            for event in try multipart.feed(Array(body[start..<min(start + size, body.count)])) {
                switch event {
                case .part(let head): parts.append((head, []))
                case .bytes(let bytes): parts[parts.count - 1].1 += bytes
                case .endOfPart: break
                }
            }
        }
        return (parts, multipart.isClosed)
    }

    @Test func `a part comes out as it went in, however the body is cut`() throws {
        let contents: [[UInt8]] = [
            [], Array("\r\n".utf8), Array("\r\n--XbarY".utf8), Array("--XbarY".utf8), Array("\r\n--Xbar".utf8),
            Array("\r\r\n-\r\n--".utf8),
            wav(3000), Array(repeating: 0x0D, count: 100),
        ]
        for content in contents {
            let body = Self.form(Array("hello".utf8), name: "title") + Self.form(content) + Self.close
            for size in [1, 2, 3, 7, 16, 61, body.count] {
                let (parts, isClosed) = try parse(body, by: size)
                #expect(isClosed && parts.count == 2)
                #expect(parts.first?.0.name == "title" && parts.first?.1 == Array("hello".utf8))
                #expect(parts.last?.0 == Multipart.Head(name: "file", filename: "a.wav", contentType: "audio/wav"))
                #expect(parts.last?.1 == content)
            }
        }
    }

    @Test func `a form that breaks off anywhere is not closed`() throws {
        let body = Self.form(wav(200)) + Self.close
        for cut in 0..<body.count - 2 {
            #expect(try !parse(Array(body[..<cut]), by: 50).isClosed, "cut at \(cut)")
        }
    }

    @Test(arguments: [
        "preamble\r\n--XbarX\r\n", "\r\n--XbarX--\r\n", "--Xbar\r\n\r\n\r\n\r\n",
        "--XbarX \r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
        "--XbarX\n\n", "--XbarX\r\n\r\nx\r\n--XbarX--\r\n",
        "--XbarX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n",
        "--XbarX\r\nContent-Disposition: form-data\r\n\r\n", "--XbarX\r\nno field\r\n\r\n", "--XbarX\r\n: x\r\n\r\n",
        "--XbarX\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n",
        "--XbarX\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        "--XbarX\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n", "--XbarX--\r\nepilogue",
        "--XbarX--x",
        "--XbarX\r\nContent-Disposition: form-data;\n name=\"a\"\r\n\r\n",
    ])
    func `refused`(_ text: String) {
        #expect(throws: MultipartFailure.self) { try parse(Array(text.utf8), by: 5) }
    }

    @Test func `a head that never ends, and parts without number, are refused`() {
        #expect(throws: MultipartFailure.headTooLong) {
            try parse(Array("--XbarX\r\nX: ".utf8) + [UInt8](repeating: 97, count: 20_000), by: 999)
        }
        #expect(throws: MultipartFailure.tooManyParts) { try parse((0..<100).flatMap { _ in Self.form([]) }, by: 999) }
    }

    @Test(arguments: [
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
        "multipart/mixed; boundary=X", "text/plain",
        "multipart/form-data; boundary=\"ends in space \"",
        "multipart/form-data; boundary=\(String(repeating: "x", count: 71))",
    ])
    func `no form`(_ type: String) { #expect(Multipart(contentType: type) == nil) }

    /// What nobody meant as a form must end in an answer, never in a trap.
    @Test func `noise and broken forms never trap`() {
        let whole = Self.form(wav(300)) + Self.form([], name: "x") + Self.close
        for seed in 0..<500 {
            var random = TestRandom(seed)
            var body = whole
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<body.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: body[at] = UInt8.random(in: 0...255, using: &random)
                case 1: body.remove(at: at)
                default: body.insert(contentsOf: Array("\r\n--XbarX".utf8).shuffled(using: &random), at: at)
                }
            }
            _ = try? parse(body, by: Int.random(in: 1...80, using: &random))
        }
    }
}
